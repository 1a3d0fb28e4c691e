package matroska_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/reweave/reweave/pkg/matroska"
)

// Elements as they stand in a file, with sizes of one byte.
func el(id string, body ...string) string {
	all := ""
	for _, b := range body {
		all += b
	}
	return id + string([]byte{0x80 | byte(len(all))}) + all
}

const (
	segmentOpen = "\x18\x53\x80\x67\xFF"
	clusterOpen = "\x1F\x43\xB6\x75\xFF"
	simple      = "\xA3"
	group       = "\xA0"
	block       = "\xA1"
	reference   = "\xFB"
)

var (
	ebml  = el("\x1A\x45\xDF\xA3", el("\x42\x82", "matroska"))
	track = el("\x16\x54\xAE\x6B", el("\xAE", el("\x86", "V_TEST"), el("\x63\xA2", "private")))
	head  = ebml + segmentOpen + el("\x15\x49\xA9\x66") + track
	time7 = clusterOpen + el("\xE7", "\x07")
)

// parse reads all blocks of a stream.
func parse(stream string) (blocks []matroska.Block, err error) {
	r, err := matroska.NewReader(bytes.NewReader([]byte(stream)))
	if err != nil {
		return nil, err
	}
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return blocks, nil
		} else if err != nil {
			return blocks, err
		}
		b.Data = bytes.Clone(b.Data)
		blocks = append(blocks, b)
	}
}

func TestReaderReadsEveryKindOfBlock(t *testing.T) {
	for name, c := range map[string]struct {
		stream string
		want   matroska.Block
	}{
		"simple block":      {time7 + el(simple, "\x81\x00\x05\x80", "data"), matroska.Block{Time: 12, Key: true, Data: []byte("data")}},
		"no keyframe":       {time7 + el(simple, "\x81\x00\x05\x00", "data"), matroska.Block{Time: 12, Data: []byte("data")}},
		"back in time":      {time7 + el(simple, "\x81\xFF\xFF\x80", "data"), matroska.Block{Time: 6, Key: true, Data: []byte("data")}},
		"no data":           {time7 + el(simple, "\x81\x00\x05\x80"), matroska.Block{Time: 12, Key: true, Data: []byte{}}},
		"long track number": {time7 + el(simple, "\x40\x01\x00\x05\x80", "data"), matroska.Block{Time: 12, Key: true, Data: []byte("data")}},
		"group, keyframe":   {time7 + el(group, el(block, "\x81\x00\x05\x00", "data")), matroska.Block{Time: 12, Key: true, Data: []byte("data")}},
		"group, reference":  {time7 + el(group, el(block, "\x81\x00\x05\x00", "data"), el(reference, "\x01")), matroska.Block{Time: 12, Data: []byte("data")}},
		"behind others": {
			time7 + el("\xEC", "void") + el("\xAB", "\x01") + el(simple, "\x81\x00\x05\x80", "data") + el("\x1C\x53\xBB\x6B", "cues"),
			matroska.Block{Time: 12, Key: true, Data: []byte("data")},
		},
		"second cluster": {
			clusterOpen + el("\xE7", "\x01\x00") + clusterOpen + el("\xE7", "\x01\x00\x00") + el(simple, "\x81\x00\x05\x80", "data"),
			matroska.Block{Time: 1<<16 + 5, Key: true, Data: []byte("data")},
		},
	} {
		got, err := parse(head + c.stream)
		if err != nil || len(got) != 1 || got[0].Time != c.want.Time || got[0].Key != c.want.Key || !bytes.Equal(got[0].Data, c.want.Data) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

func TestReaderRefusesWhatItCannotRead(t *testing.T) {
	for name, c := range map[string]struct {
		stream string
		want   error
	}{
		"empty":                     {"", io.EOF},
		"not matroska":              {"RIFF....AVI LIST", matroska.ErrSyntax},
		"no integer":                {"\x00\x00\x00\x00\x00", matroska.ErrSyntax},
		"no cluster":                {head, io.ErrUnexpectedEOF},
		"cluster before tracks":     {ebml + segmentOpen + time7, matroska.ErrSyntax},
		"track without a codec":     {ebml + segmentOpen + el("\x16\x54\xAE\x6B", el("\xAE")) + time7, matroska.ErrSyntax},
		"tracks beyond their end":   {ebml + segmentOpen + el("\x16\x54\xAE\x6B", "\xAE\x90\x86") + time7, matroska.ErrSyntax},
		"header of unknown size":    {ebml + segmentOpen + "\x16\x54\xAE\x6B\xFF", matroska.ErrSyntax},
		"header of a terabyte":      {ebml + segmentOpen + "\x16\x54\xAE\x6B\x02\x01\x00\x00\x00\x00\x00", matroska.ErrSyntax},
		"laced block":               {head + time7 + el(simple, "\x81\x00\x05\x82", "data"), matroska.ErrSyntax},
		"block without flags":       {head + time7 + el(simple, "\x40\x01\x00\x05"), matroska.ErrSyntax},
		"block too short":           {head + time7 + el(simple, "\x81"), matroska.ErrSyntax},
		"block of 2 GiB":            {head + time7 + simple + "\x08\x80\x00\x00\x00", matroska.ErrSyntax},
		"block of unknown size":     {head + time7 + simple + "\xFF", matroska.ErrSyntax},
		"block that is cut off":     {head + time7 + simple + "\x10\x20\x00\x00" + "data", io.ErrUnexpectedEOF},
		"group without a block":     {head + time7 + el(group, el(reference, "\x01\x02")), matroska.ErrSyntax},
		"group beyond its end":      {head + time7 + el(group, "\xA1\x90abc"), matroska.ErrSyntax},
		"other of unknown size":     {head + time7 + "\xEC\xFF", matroska.ErrSyntax},
		"other that is cut off":     {head + time7 + "\xEC\x90void", io.ErrUnexpectedEOF},
		"cluster time cut off":      {head + clusterOpen + "\xE7\x84\x00", io.ErrUnexpectedEOF},
		"element head cut off":      {head + time7 + "\xEC", io.ErrUnexpectedEOF},
		"element id of eight bytes": {head + time7 + "\x01\x00\x00\x00", matroska.ErrSyntax},
	} {
		if blocks, err := parse(c.stream); !errors.Is(err, c.want) {
			t.Errorf("%s: %d blocks, %v, want %v", name, len(blocks), err, c.want)
		}
	}
}

func FuzzReader(f *testing.F) {
	var written bytes.Buffer
	s := matroska.NewSegment(matroska.Track{CodecID: "V_X", Private: []byte("p"), Video: []byte("v")}, lay([]laid{
		{0, true, []byte("first")}, {2, false, nil}, {1, false, []byte("third")}, {4000, true, bytes.Repeat([]byte("x"), 300)},
	}))
	if _, err := io.Copy(&written, s.Open()); err != nil {
		f.Fatal(err)
	}
	f.Add(written.Bytes())
	f.Add([]byte(head + time7 + el(simple, "\x81\x00\x05\x80", "data") + el(group, el(block, "\x81\x00\x05\x00", "d"), el(reference, "\x01"))))
	f.Add([]byte(head + time7 + simple + "\x08\x40\x00\x00\x00")) // a packet of 1 GiB
	f.Add([]byte(ebml + segmentOpen + "\x16\x54\xAE\x6B\x10\xFF\xFF\xFF"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, stream []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		blocks, _ := parse(string(stream))
		runtime.ReadMemStats(&after)
		total := 0
		for _, b := range blocks {
			total += len(b.Data)
		}
		if total > len(stream) {
			t.Errorf("%d bytes of data in a stream of %d", total, len(stream))
		}
		// One lying size may cost a header's limit (16 MiB), and each packet is copied.
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 20<<20+uint64(8*len(stream)) {
			t.Errorf("%d bytes were allocated for a stream of %d", grown, len(stream))
		}
	})
}
