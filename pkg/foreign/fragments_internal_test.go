package foreign

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
)

// made are the boxes of a small fragmented film, which a test may change before it is
// written: a track with a unit of a hundredth of a second, and two fragments with their
// media.
type made struct {
	trex, tfhd, tfdt, trun, again *box   // of the header and of the first fragment
	tables, edits                 []*box // that the first fragment, or the track, has besides
	bare                          bool   // has no mvex
}

func words(kind string, numbers ...uint32) *box {
	b := &box{kind: kind}
	for _, n := range numbers {
		b.body = binary.BigEndian.AppendUint32(b.body, n)
	}
	return b
}

func holding(kind string, kids ...*box) *box { return &box{kind: kind, kids: kids} }

func newMade() *made {
	return &made{
		trex:  words("trex", 0, 1, 1, 20, 5, 0x10000),
		tfhd:  words("tfhd", 0x20008, 1, 10),                // each lasts 10
		tfdt:  words("tfdt", 0, 1000),                       // the first one is decoded at 1000
		trun:  words("trun", 0x805, 2, 0, 0x2000000, 0, 15), // of two, the first one to begin at; the second is shown 15 later
		again: words("trun", 0x300, 1, 30, 7),               // one of 7 bytes that lasts 30
	}
}

// placeInRun is where trun tells the place of its data.
const placeInRun = 8

// open writes the film and reads it.
func (f *made) open(t *testing.T) (*movie, error) {
	t.Helper()
	entry := make([]byte, 86)
	binary.BigEndian.PutUint32(entry, uint32(len(entry)))
	copy(entry[4:], "avc1")
	stsd := words("stsd", 0, 1)
	stsd.body = append(stsd.body, entry...)
	hdlr := words("hdlr", 0, 0, 0x76696465, 0, 0, 0)
	stbl := holding("stbl", stsd, words("stts", 0, 0), words("stsc", 0, 0), words("stsz", 0, 0, 0), words("stco", 0, 0))
	trak := holding("trak", append(slices.Clone(f.edits),
		words("tkhd", 3, 0, 0, 1, 0, 0, 0, 0), holding("mdia", words("mdhd", 0, 0, 0, 100, 0, 0), hdlr, holding("minf", stbl)))...)
	moov := holding("moov", words("mvhd", 0, 0, 0, 1000, 0, 0), trak)
	if !f.bare {
		moov.kids = append(moov.kids, holding("mvex", f.trex))
	}
	first := holding("moof", words("mfhd", 0, 1), holding("traf", append([]*box{f.tfhd, f.tfdt, f.trun, f.again}, f.tables...)...))
	next := words("trun", 0x601, 2, 0, 3, 0x2000000, 4, 0x1000000)
	second := holding("moof", words("mfhd", 0, 2), holding("traf", words("tfhd", 0, 1), next))
	for _, x := range []struct{ moof, trun *box }{{first, f.trun}, {second, next}} {
		if len(x.trun.body) >= placeInRun+4 {
			binary.BigEndian.PutUint32(x.trun.body[placeInRun:], uint32(x.moof.size()+8+2))
		}
	}
	var out []byte
	for _, b := range []*box{words("ftyp", 0x69736F36, 0), moov, first, {kind: "mdat", body: []byte("--aaaaabbbbbccccccc")}, second, {kind: "mdat", body: []byte("--dddeeee")}} {
		out = b.append(out)
	}
	path := filepath.Join(t.TempDir(), "a.mp4")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := openMovie(path, "a.mp4", 0)
	if err == nil {
		t.Cleanup(m.close)
	}
	return m, err
}

// What a fragment doesn't tell of a sample is told by its head, and what that doesn't by the
// film's header. A fragment without a time goes on where the last one ended.
func TestFragmentsBecomeTables(t *testing.T) {
	m, err := newMade().open(t)
	if err != nil {
		t.Fatal(err)
	}
	type want struct {
		data     string
		dts, pts int64
		sync     bool
	}
	var is []want
	for _, s := range m.samples {
		b := make([]byte, s.size)
		if _, err := m.file.ReadAt(b, s.off); err != nil {
			t.Fatal(err)
		}
		is = append(is, want{string(b), s.dts, s.pts, s.sync})
	}
	all := []want{{"aaaaa", 0, 0, true}, {"bbbbb", 10, 25, false}, {"ccccccc", 20, 20, false}, {"ddd", 50, 50, true}, {"eeee", 70, 70, false}}
	if !slices.Equal(is, all) {
		t.Errorf("%v, want %v", is, all)
	}
	for _, c := range []struct {
		b    *box
		want []byte
	}{
		// 10 s late, and 0.9 s of the film; a film has 1000 units in a second, its track 100
		{m.trak.find("edts", "elst"), words("", 1<<24, 2, 0, 10000, 0xFFFFFFFF, 0xFFFFFFFF, 1<<16, 0, 900, 0, 0, 1<<16).body},
		{m.trak.find("mdia", "mdhd"), words("", 0, 0, 0, 100, 90, 0).body},
		{m.trak.find("tkhd"), words("", 3, 0, 0, 1, 0, 10900, 0, 0).body},
		{m.moov.find("mvhd"), words("", 0, 0, 0, 1000, 10900, 0).body},
	} {
		if c.b == nil {
			t.Fatalf("a box is missing, want %x", c.want)
		}
		if !slices.Equal(c.b.body, c.want) {
			t.Errorf("%s: %x, want %x", c.b.kind, c.b.body, c.want)
		}
	}
	if m.moov.find("mvex") != nil || m.note == "" {
		t.Error("it still says that it is fragmented, or nobody is told that it was")
	}
}

func TestFragmentsThatCanNotBeJoined(t *testing.T) {
	edits := func(numbers ...uint32) []*box { return []*box{holding("edts", words("elst", numbers...))} }
	for name, c := range map[string]struct {
		how  func(*made)
		says string
	}{
		"descriptions":           {func(f *made) { f.trex = words("trex", 0, 1, 2, 20, 5, 0) }, "unsupported-base: it has several sample descriptions"},
		"descriptions, fragment": {func(f *made) { f.tfhd = words("tfhd", 0x2000A, 1, 2, 10) }, "unsupported-base: it has several sample descriptions"},
		"encrypted":              {func(f *made) { f.tables = []*box{words("senc", 0, 0)} }, "unsupported-base: its fragments have a table of the kind senc, which can't be carried over"},
		"keys of a group":        {func(f *made) { f.tables = []*box{words("sbgp", 0, 0x73656967, 0)} }, "unsupported-base: its fragments have a table of the kind sbgp, which can't be carried over"},
		"hidden pictures":        {func(f *made) { f.edits = edits(0, 1, 900, 1001, 1<<16) }, "edit-list: its edit list hides pictures, which fragments have no place for"},
		"several parts":          {func(f *made) { f.edits = edits(0, 2, 100, 1000, 1<<16, 100, 1010, 1<<16) }, "edit-list: an edit list joins several parts of it"},
		"half speed":             {func(f *made) { f.edits = edits(0, 1, 900, 1000, 1<<15) }, "edit-list: an edit list joins several parts of it"},
		"shown too early":        {func(f *made) { f.trun = words("trun", 1<<24|0x805, 2, 0, 0, 0, 0xFFFFFFF6) }, "unsupported-base: its fragments show pictures before they are decoded (negative offsets, as of CMAF), which ffmpeg shows late"},
		"not announced":          {func(f *made) { f.bare = true }, "damaged-base"},
		"another track":          {func(f *made) { f.tfhd = words("tfhd", 0x20008, 2, 10) }, "damaged-base"},
		"a head cut off":         {func(f *made) { f.tfhd = words("tfhd", 0x20008, 1) }, "damaged-base"},
		"a run cut off":          {func(f *made) { f.again = words("trun", 0x300, 2, 30, 7) }, "damaged-base"},
		"endless":                {func(f *made) { f.again = words("trun", 0, 1<<31) }, "damaged-base"},
		"beyond the media":       {func(f *made) { f.again = words("trun", 0x300, 1, 30, 8) }, "damaged-base"},
		"back in time":           {func(f *made) { f.tfdt = words("tfdt", 1<<24, 1<<31, 0) }, "damaged-base"},
	} {
		f := newMade()
		c.how(f)
		_, err := f.open(t)
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Class != fault.User {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if is := e.Type + ": " + e.Title; is != c.says && e.Type != c.says {
			t.Errorf("%s: %q, want %q", name, is, c.says)
		}
	}
	f := newMade() // groups that only tell where decoding may begin
	f.tables, f.edits = []*box{words("sbgp", 0, 0x726F6C6C, 0), words("sgpd", 1<<24, 0x726F6C6C, 2, 0)}, edits(0, 1, 900, 1000, 1<<16)
	if _, err := f.open(t); err != nil {
		t.Error(err)
	}
}
