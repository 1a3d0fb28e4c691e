package splice_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/recipe"
	"github.com/reweave/reweave/pkg/splice"
)

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// without renames a box, so that it is missed.
func without(b []byte, box string) []byte { return bytes.Replace(b, []byte(box), []byte("free"), 1) }

func TestCorruptChunksAreRefused(t *testing.T) {
	good := read(t, encode(t, recipes["libx264"], pictures(t, 5)))
	for name, b := range map[string][]byte{
		"empty":           nil,
		"junk":            []byte(strings.Repeat("junk", 100)),
		"half":            good[:len(good)/2],
		"last byte":       good[:len(good)-1],
		"no packets":      good[:bytes.Index(good, []byte("moof"))-4],
		"no fragments":    without(good, "mvex"),
		"no track header": without(good, "tkhd"),
		"no description":  without(good, "stsd"),
		"no media":        without(good, "mdia"),
		"no defaults":     without(good, "trex"),
		"no run header":   without(good, "tfhd"),
		"no time":         without(good, "tfdt"),
		"no run":          without(good, "trun"),
		"huge box":        bytes.Replace(good, []byte("moov"), []byte("moov\xFF\xFF\xFF\xFF"), 1),
		"packets outside": outside(good),
	} {
		_, err := splice.Open(bytes.NewReader(b))
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Type != "corrupt-chunk" || e.Class != fault.Permanent || e.Err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := splice.Open(io.NewSectionReader(bytes.NewReader(good), 0, int64(len(good)))); err != nil {
		t.Errorf("the whole chunk: %v", err)
	}
}

// outside has the run begin before the file does.
func outside(b []byte) []byte {
	b = bytes.Clone(b)
	at := bytes.Index(b, []byte("trun")) + 12 // behind version, flags and count
	binary.BigEndian.PutUint32(b[at:], 1<<31)
	return b
}

// seekOnly can't read at an offset.
type seekOnly struct{ io.ReadSeeker }

func TestOpenNeedsAReaderAt(t *testing.T) {
	if _, err := splice.Open(seekOnly{bytes.NewReader(nil)}); err == nil || !strings.Contains(err.Error(), "can't read at an offset") {
		t.Errorf("%v", err)
	}
}

func TestChunksThatDoNotFitAreRefused(t *testing.T) {
	raw := pictures(t, 6)
	first := encode(t, recipes["libx264"], raw[:3*frameBytes])
	fits := encode(t, recipes["libx264"], raw[3*frameBytes:])
	for name, c := range map[string]struct {
		path string
		pts  []int64
		end  int64
		slug string
	}{
		"a frame too few":   {fits, []int64{3, 4}, 5, "frame-mismatch"},
		"a frame too many":  {fits, []int64{3, 4, 5, 6}, 7, "frame-mismatch"},
		"another aspect":    {encode(t, recipes["libx264"], raw[3*frameBytes:], func(r *recipe.Recipe) { r.Picture.SAR = media.Rational{Num: 4, Den: 3} }), []int64{3, 4, 5}, 6, "parameter-mismatch"},
		"another codec":     {encode(t, recipes["libx265"], raw[3*frameBytes:]), []int64{3, 4, 5}, 6, "parameter-mismatch"},
		"times that repeat": {fits, []int64{3, 4, 4}, 6, ""},
		"end at the last":   {fits, []int64{3, 4, 5}, 5, ""},
		"a time too far":    {fits, []int64{3, 4, 1 << 40}, 1<<40 + 1, ""},
	} {
		var out bytes.Buffer
		j := splice.NewJoiner(&out, splice.Track{Timescale: 25})
		if err := j.Add(openChunk(t, first), []int64{0, 1, 2}, 3); err != nil {
			t.Fatal(err)
		}
		written := out.Len()
		err := j.Add(openChunk(t, c.path), c.pts, c.end)
		e, ok := errors.AsType[*fault.Error](err)
		if err == nil || ok != (c.slug != "") || ok && (e.Type != c.slug || e.Where != "chunk 1" || e.Class != fault.Permanent) {
			t.Errorf("%s: %v", name, err)
		}
		if out.Len() != written || j.Frames() != 3 {
			t.Errorf("%s: %d bytes were written, %d frames counted", name, out.Len()-written, j.Frames()-3)
		}
	}
}

type full struct{ after int }

func (f *full) Write(p []byte) (int, error) {
	if f.after -= len(p); f.after < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestJoinTellsOfAWriterThatFails(t *testing.T) {
	path := encode(t, recipes["libx264"], pictures(t, 3))
	for _, after := range []int{0, 1000, len(read(t, path)) - 10} {
		err := splice.NewJoiner(&full{after}, splice.Track{Timescale: 25}).Add(openChunk(t, path), []int64{0, 1, 2}, 3)
		if err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("after %d bytes: %v", after, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	raw := pictures(f, 4)
	for _, codec := range []string{"libx264", "libsvtav1"} {
		good := read(f, encode(f, recipes[codec], raw))
		f.Add(good)
		f.Add(good[:len(good)-30])
	}
	f.Add([]byte("\x00\x00\x00\x08moov"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := splice.Open(bytes.NewReader(b))
		if err != nil {
			if e, ok := errors.AsType[*fault.Error](err); !ok || e.Type != "corrupt-chunk" {
				t.Errorf("%v", err)
			}
			return
		}
		pts := make([]int64, c.Frames())
		for i := range pts {
			pts[i] = int64(i)
		}
		_ = splice.NewJoiner(io.Discard, splice.Track{Timescale: 25}).Add(c, pts, int64(len(pts)))
	})
}
