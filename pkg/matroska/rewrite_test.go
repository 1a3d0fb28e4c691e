package matroska_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/matroska"
	"github.com/reweave/reweave/pkg/media/mediatest"
)

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
