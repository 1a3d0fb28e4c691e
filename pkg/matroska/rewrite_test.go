package matroska_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/matroska"
	"github.com/reweave/reweave/pkg/media/mediatest"
)

// found is an element that a test reads by itself: the second opinion.
type found struct {
	id        uint64
	off, body int
	end       int
	kids      []found
}

// masters are the elements that a test looks into.
var masters = map[uint64]bool{
	0x18538067: true, 0x114D9B74: true, 0x4DBB: true, 0x1654AE6B: true, 0xAE: true, 0x1F43B675: true, 0x1C53BB6B: true, 0xBB: true, 0xB7: true, 0xA0: true,
}

// walk reads all elements between two places. Unknown sizes end where a cluster or the
// cues begin.
func walk(t *testing.T, b []byte, at, end int) (out []found) {
	t.Helper()
	number := func(keep bool) (v uint64, ones bool) {
		n := 1
		for b[at]>>(8-n) == 0 {
			n++
		}
		v = uint64(b[at])
		if !keep {
			v &= 1<<(8-n) - 1
		}
		for _, c := range b[at+1 : at+n] {
			v = v<<8 | uint64(c)
		}
		at += n
		return v, v == 1<<(7*n)-1
	}
	for at < end {
		f := found{off: at}
		f.id, _ = number(true)
		size, unknown := number(false)
		f.body, f.end = at, at+int(size)
		if unknown {
			f.end = end
			if f.id == 0x1F43B675 {
				for _, next := range []string{"\x1F\x43\xB6\x75", "\x1C\x53\xBB\x6B"} {
					if i := strings.Index(string(b[at:end]), next); i >= 0 {
						f.end = min(f.end, at+i)
					}
				}
			}
		}
		if f.end > end {
			t.Fatalf("element %X at %d ends at %d of %d", f.id, f.off, f.end, end)
		}
		if masters[f.id] {
			f.kids = walk(t, b, f.body, f.end)
		}
		out, at = append(out, f), f.end
	}
	return out
}

func (f found) child(id uint64) *found {
	for i := range f.kids {
		if f.kids[i].id == id {
			return &f.kids[i]
		}
	}
	return nil
}

func (f *found) uint(b []byte) (v int) {
	for _, c := range b[f.body:f.end] {
		v = v<<8 | int(c)
	}
	return v
}

// consistent checks all that a file tells of itself: what its indexes point to, and its
// checksums. It returns the elements of the segment, and how many cues there are.
func consistent(t *testing.T, b []byte, track int) (top []found, cues int) {
	t.Helper()
	segment := walk(t, b, 0, len(b))[1]
	at := func(off int) *found {
		for i := range segment.kids {
			if segment.kids[i].off == segment.body+off {
				return &segment.kids[i]
			}
		}
		return nil
	}
	for _, e := range segment.kids {
		if sum := e.child(0xBF); sum != nil {
			if got := binary.LittleEndian.Uint32(b[sum.body:]); got != crc32.ChecksumIEEE(b[sum.end:e.end]) {
				t.Errorf("the checksum of element %X at %d is wrong", e.id, e.off)
			}
		}
		for _, k := range e.kids {
			switch k.id {
			case 0x4DBB: // Seek
				id, to := k.child(0x53AB), k.child(0x53AC)
				if e := at(to.uint(b)); e == nil || e.id != uint64(id.uint(b)) {
					t.Errorf("nothing of the kind %X lies at %d", id.uint(b), to.uint(b))
				}
			case 0xBB: // CuePoint
				for _, p := range k.kids[1:] {
					cluster := at(p.child(0xF1).uint(b))
					if cluster == nil || cluster.id != 0x1F43B675 {
						t.Fatalf("a cue points to %d, where no cluster is", p.child(0xF1).uint(b))
					}
					pointed(t, b, *cluster, p, k.child(0xB3).uint(b))
					if p.child(0xF7).uint(b) == track {
						cues++
					}
				}
			case 0xA7: // Position
				if at(k.uint(b)) == nil || at(k.uint(b)).off != e.off {
					t.Errorf("the cluster at %d says that it lies at %d", e.off-segment.body, k.uint(b))
				}
			}
		}
	}
	return segment.kids, cues
}

// pointed checks what lies at a cue's place in its cluster.
func pointed(t *testing.T, b []byte, cluster, p found, time int) {
	t.Helper()
	rel := p.child(0xF0)
	if rel == nil {
		return
	}
	for _, e := range cluster.kids {
		if e.off != cluster.body+rel.uint(b) {
			continue
		}
		block := e
		if e.id == 0xA0 {
			block = *e.child(0xA1)
		}
		got := cluster.child(0xE7).uint(b) + int(int16(binary.BigEndian.Uint16(b[block.body+1:])))
		key := e.id == 0xA0 && e.child(0xFB) == nil || e.id == 0xA3 && b[block.body+3]&0x80 != 0
		if int(b[block.body]&0x7F) != p.child(0xF7).uint(b) || got != time || !key {
			t.Errorf("the cue of %d ms points to a block of track %d at %d ms, keyframe: %v", time, b[block.body]&0x7F, got, key)
		}
		return
	}
	t.Errorf("the cue of %d ms points to no element", time)
}

// payload is a packet of a test.
type payload []byte

func (p payload) Size() int64 { return int64(len(p)) }
func (p payload) WriteAll(w io.Writer) error {
	_, err := w.Write(p)
	return err
}

// index reads a file's index, and that of its bytes.
func index(t *testing.T, b []byte, n int) *matroska.Index {
	t.Helper()
	x, err := matroska.ReadIndex(bytes.NewReader(b), int64(len(b)), n)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func rewritten(t *testing.T, x *matroska.Index, changes []matroska.Change, private []byte) []byte {
	t.Helper()
	w, err := x.Rewrite(changes, private)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := w.WriteAll(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestRewrite(t *testing.T) {
	dir := t.TempDir()
	subs := filepath.Join(dir, "a.srt")
	if err := os.WriteFile(subs, []byte("1\n00:00:00,300 --> 00:00:00,900\nOne\n\n2\n00:00:01,000 --> 00:00:01,500\nTwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	film := mediatest.Make(t, "film.mkv", "-f", "lavfi", "-i", mediatest.Video(2, "25"), "-f", "lavfi", "-i", "sine=d=2", "-i", subs,
		"-map", "0", "-map", "1", "-map", "2", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "10", "-c:a", "aac", "-attach", subs,
		"-metadata:s:t", "mimetype=text/plain", "-metadata", "title=Film")
	for name, args := range map[string][]string{
		"as it is":           nil,
		"cues in front":      {"-cues_to_front", "1"},
		"room for the cues":  {"-reserve_index_space", "5000"},
		"small clusters":     {"-cluster_time_limit", "150"},
		"no checksums":       {"-write_crc32", "0"},
		"live, sizes open":   {"-live", "1", "-cluster_time_limit", "300"},
		"sound only in cues": {"-map", "-0:s", "-cluster_size_limit", "4000"},
	} {
		t.Run(name, func(t *testing.T) {
			path := mediatest.Make(t, "a.mkv", append([]string{"-i", film, "-map", "0", "-c", "copy"}, args...)...)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			x := index(t, b, 0)
			if len(x.Blocks) != 50 || !x.Blocks[20].Key || x.Entries[1].Kind != 2 {
				t.Fatalf("%d blocks, %+v", len(x.Blocks), x.Entries)
			}
			var changes []matroska.Change
			for i := 13; i < 33; i++ { // the keyframe at 20 is none any more, those at 15 and 30 are
				changes = append(changes, matroska.Change{
					Block: i, Time: x.Blocks[i].Time, Key: i == 15 || i == 30, Data: payload(bytes.Repeat([]byte{byte(i)}, 1+i*97%5000)),
				})
			}
			private := bytes.Repeat([]byte("private"), 40)
			out := rewritten(t, x, changes, private)
			was, cuesBefore := consistent(t, b, 1)
			is, cues := consistent(t, out, 1)
			if name == "live, sizes open" {
				cuesBefore, cues = 5, 5 // it has none, and gets none
			}
			if cuesBefore != 5 || cues != 5 {
				t.Errorf("%d cues of the pictures, %d before", cues, cuesBefore)
			}
			sameElements(t, b, out, was, is)
			y := index(t, out, 0)
			if !bytes.Equal(y.Entries[0].Private, private) || fmt.Sprint(y.Entries[1]) != fmt.Sprint(x.Entries[1]) {
				t.Errorf("tracks %+v", y.Entries)
			}
			sameBlocks(t, b, out, x, y, changes)
			for n := 1; n < len(x.Entries); n++ {
				sameBlocks(t, b, out, index(t, b, n), index(t, out, n), nil)
			}
		})
	}
}

// sameElements checks that what is no index, no cluster and no track is as it was.
func sameElements(t *testing.T, b, out []byte, was, is []found) {
	t.Helper()
	if len(was) != len(is) {
		t.Fatalf("%d elements instead of %d", len(is), len(was))
	}
	for i := range was {
		switch is[i].id {
		case 0x114D9B74, 0x1C53BB6B, 0x1F43B675, 0x1654AE6B:
			continue
		}
		if !bytes.Equal(b[was[i].off:was[i].end], out[is[i].off:is[i].end]) {
			t.Errorf("element %X differs", is[i].id)
		}
	}
}

// sameBlocks compares the blocks of a track, of which some were changed.
func sameBlocks(t *testing.T, b, out []byte, x, y *matroska.Index, changes []matroska.Change) {
	t.Helper()
	if len(x.Blocks) != len(y.Blocks) {
		t.Fatalf("%d blocks instead of %d", len(y.Blocks), len(x.Blocks))
	}
	want := map[int]matroska.Change{}
	for _, c := range changes {
		want[c.Block] = c
	}
	for i, p := range y.Blocks {
		data, key := b[x.Blocks[i].Off:x.Blocks[i].Off+x.Blocks[i].Size], x.Blocks[i].Key
		if c, ok := want[i]; ok {
			data, key = c.Data.(payload), c.Key
		}
		if !bytes.Equal(out[p.Off:p.Off+p.Size], data) || p.Key != key || p.Time != x.Blocks[i].Time {
			t.Errorf("block %d: %d bytes at %d, keyframe: %v", i, p.Size, p.Time, p.Key)
		}
	}
}

// A file that no ffmpeg writes: groups with durations, and clusters that tell their places.
func TestRewriteOfOtherElements(t *testing.T) {
	cluster := func(pos, prev, time byte, blocks ...string) string {
		return el("\x1F\x43\xB6\x75", append([]string{el("\xE7", string([]byte{time})), el("\xA7", string([]byte{pos})), el("\xAB", string([]byte{prev}))}, blocks...)...)
	}
	duration := el("\x9B", "\x28")
	entry := el("\x16\x54\xAE\x6B", el("\xAE", el("\xD7", "\x01"), el("\x83", "\x01"), el("\x86", "V_TEST")))
	first := cluster(byte(len(entry)), 0, 0, el(group, el(block, "\x81\x00\x00\x00", "one"), duration), el(group, el(block, "\x81\x00\x05\x00", "two"), duration, el(reference, "\xFB")))
	second := cluster(byte(len(entry)+len(first)), byte(len(first)), 10, el(group, el("\x75\xA1", "alpha"), el(block, "\x81\x00\x00\x00", "three")))
	body := entry + first + second
	b := []byte(ebml + "\x18\x53\x80\x67" + string([]byte{0x40, byte(len(body))}) + body)
	x := index(t, b, 0)
	if len(x.Blocks) != 3 || x.Blocks[0].Additions || !x.Blocks[2].Additions || x.Blocks[1].Key {
		t.Fatalf("%+v", x.Blocks)
	}
	out := rewritten(t, x, []matroska.Change{
		{Block: 0, Time: 0, Key: true, Data: payload(strings.Repeat("a", 200))}, {Block: 1, Time: 5, Data: payload("b")},
	}, nil)
	top, _ := consistent(t, out, 1)
	y := index(t, out, 0)
	sameBlocks(t, b, out, x, y, []matroska.Change{{Block: 0, Key: true, Data: payload(strings.Repeat("a", 200))}, {Block: 1, Data: payload("b")}})
	if n := bytes.Count(out, []byte(duration)); n != 2 {
		t.Errorf("%d durations", n)
	}
	if prev := top[2].child(0xAB); prev.uint(out) != top[1].end-top[1].off {
		t.Errorf("the cluster before is %d bytes long, not %d", top[1].end-top[1].off, prev.uint(out))
	}
	if _, err := x.Rewrite([]matroska.Change{{Block: 0, Time: 40000, Data: payload("far")}}, nil); !errors.Is(err, matroska.ErrSyntax) {
		t.Errorf("%v", err)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(head + time7 + el(simple, "\x81\x00\x05\x80", "data") + el(group, el(block, "\x81\x00\x05\x00", "d"), el(reference, "\x01"))))
	f.Add([]byte(ebml + segmentOpen + el("\x16\x54\xAE\x6B", el("\xAE", el("\xD7", "\x01"), el("\x86", "V_TEST"))) + time7 + el(simple, "\x81\x00\x05\x80", "data") +
		el("\x1C\x53\xBB\x6B", el("\xBB", el("\xB3", "\x05"), el("\xB7", el("\xF7", "\x01"), el("\xF1", "\x10"))))))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := matroska.ReadIndex(bytes.NewReader(b), int64(len(b)), 0)
		if err != nil || len(x.Blocks) == 0 {
			return
		}
		w, err := x.Rewrite([]matroska.Change{{Block: 0, Time: x.Blocks[0].Time, Key: true, Data: payload("x")}}, nil)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := w.WriteAll(&out); err != nil {
			return
		}
		y, err := matroska.ReadIndex(bytes.NewReader(out.Bytes()), int64(out.Len()), 0)
		if err != nil || len(y.Blocks) != len(x.Blocks) {
			t.Errorf("%v", err)
		}
	})
}
