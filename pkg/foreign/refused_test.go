package foreign_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/foreign"
	"github.com/reweave/reweave/pkg/patch"
)

// refused checks that a user is told what is wrong.
func refused(t *testing.T, name string, err error, slug string, words ...string) {
	t.Helper()
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Class != fault.User || e.Type != slug || e.Title == "" {
		t.Errorf("%s: %v, want %s", name, err, slug)
		return
	}
	for _, w := range words {
		if !strings.Contains(e.Error(), w) {
			t.Errorf("%s: %q does not say %q", name, e, w)
		}
	}
}

func TestFixesThatDoNotFit(t *testing.T) {
	base := deliverable(t, "a.mp4", "yuv420p", strings.Fields(x264)...)
	was, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		source, pixFmt string
		more           string
		from, to       int
		aligned        bool
		slug           string
		words          string
	}{
		"size":            {"testsrc2=s=160x90:r=25:d=0.4", "yuv420p", "", 10, 20, false, "other-picture", "160×90"},
		"rate":            {"testsrc2=s=256x144:r=24:d=1", "yuv420p", "", 10, 34, false, "other-picture", "24/1"},
		"pixel format":    {"testsrc2=s=256x144:r=25:d=0.4", "yuv422p10le", "", 10, 20, false, "other-picture", "yuv422p10le"},
		"field order":     {"testsrc2=s=256x144:r=25:d=0.4,setfield=tff", "yuv420p", "-flags +ilme+ildct -field_order tt", 10, 20, false, "other-picture", "field order"},
		"too short":       {"testsrc2=s=256x144:r=25:d=0.4", "yuv420p", "", 10, 21, false, "wrong-length", "10 frames"},
		"too long":        {"testsrc2=s=256x144:r=25:d=0.4", "yuv420p", "", 10, 19, false, "wrong-length", "10 frames"},
		"not the film":    {"testsrc2=s=256x144:r=25:d=0.4", "yuv420p", "", 10, 20, true, "wrong-length", "10 frames"},
		"behind the film": {"testsrc2=s=256x144:r=25:d=0.4", "yuv420p", "", 55, 65, false, "range-past-end", "60 frames"},
	} {
		args := slices.Concat([]string{"-f", "lavfi", "-i", c.source, "-pix_fmt", c.pixFmt, "-c:v", "ffv1"}, strings.Fields(c.more))
		x := fixed(t, kept(t, "fix.mkv", args...), c.from, c.to)
		x.Aligned = c.aligned
		_, _, err := patched(t, base, foreign.Options{}, x)
		refused(t, name, err, c.slug, c.words)
	}
	fix := fixOf(t, 10, "yuv420p")
	_, _, err = patched(t, base, foreign.Options{}, fixed(t, fix, 10, 20), fixed(t, fix, 15, 25))
	refused(t, "overlapping", err, "bad-range", "overlap")
	if is, err := os.ReadFile(base); err != nil || !bytes.Equal(is, was) {
		t.Error("BASE was touched")
	}
}

func TestFilmsThatCanNotBePatched(t *testing.T) {
	fix := fixOf(t, 10, "yuv420p")
	// extended has a profile that x264 doesn't know.
	extended := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte{0x67, 77, 0x40}, []byte{0x67, 88, 0x40}) }
	for name, c := range map[string]struct {
		file, args string
		how        func([]byte) []byte
		parameters string
		slug       string
		words      []string
	}{
		"AVI":             {file: "a.avi", args: "-c:v mjpeg", slug: "unsupported-base", words: []string{"no MP4"}},
		"transparency":    {file: "a.webm", args: "-c:a libopus -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 12 -pix_fmt yuva420p", slug: "unsupported-base", words: []string{"transparency"}},
		"unknown codec":   {file: "a.mov", args: "-c:v mpeg4", slug: "unsupported-base", words: []string{"mpeg4"}},
		"shown too early": {file: "a.mp4", args: x264 + "-movflags cmaf+dash", slug: "unsupported-base", words: []string{"before they are decoded"}},
		"cut off":         {file: "a.mp4", args: x264 + "-movflags +faststart", how: func(b []byte) []byte { return b[:len(b)-5000] }, slug: "damaged-base"},
		"other sets":      {file: "a.mp4", args: x264 + matrices, slug: "parameters-differ", words: []string{"instead of [[1 2 16 16", "--parameters second"}},
		"unknown profile": {file: "a.mp4", args: x264 + "-profile:v main", how: extended, parameters: "second", slug: "parameters-differ", words: []string{"instead of 88"}},
	} {
		base := deliverable(t, c.file, "yuv420p", strings.Fields(c.args)...)
		if c.how != nil {
			b, err := os.ReadFile(base)
			if err != nil {
				t.Fatal(err)
			}
			base = filepath.Join(t.TempDir(), c.file)
			if err := os.WriteFile(base, c.how(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err := patched(t, base, foreign.Options{Parameters: c.parameters}, fixed(t, fix, 30, 40))
		refused(t, name, err, c.slug, c.words...)
	}
}

// A quality that the film tells, without SEI, can't be another one.
func TestOtherQuality(t *testing.T) {
	fix := fixOf(t, 5, "yuv420p")
	base := deliverable(t, "a.mp4", "yuv420p", strings.Fields(x264+"-preset fast -bsf:v filter_units=remove_types=6")...)
	for _, c := range []struct {
		o     foreign.Options
		slug  string
		words []string
	}{
		{foreign.Options{CRF: "12"}, "parameters-differ", []string{"PPS.PicInitQpMinus26 is -14 instead of -6", "leave out --crf", "is the 20 that"}},
		{foreign.Options{CRF: "999"}, "usage", []string{"--crf 999", "from 0 to 51"}},
		{foreign.Options{CRF: "good"}, "usage", []string{"--crf good"}},
		{foreign.Options{Preset: "fats"}, "usage", []string{"--preset fats", "fast, medium"}},
	} {
		_, _, err := patched(t, base, c.o, fixed(t, fix, 30, 35))
		refused(t, c.o.CRF+c.o.Preset, err, c.slug, c.words...)
	}
}

// Several fixes, of which each holds the whole film, and one that reaches its end.
func TestSeveralFixesOfTheWholeFilm(t *testing.T) {
	base, fix := deliverable(t, "a.mp4", "yuv420p", strings.Fields(x264+"-movflags +faststart")...), fixOf(t, frames, "yuv420p")
	a, b, c := fixed(t, fix, 3, 8), fixed(t, fix, 14, 20), fixed(t, fix, 50, 60)
	a.Aligned, b.Aligned, c.Aligned = true, true, true
	out, s, err := patched(t, base, foreign.Options{}, c, a, b)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Regions) != 2 || s.Regions[0].Frames != (patch.Frames{To: 24}) || s.Regions[0].Again != 13 || s.Regions[1].Frames != (patch.Frames{From: 48, To: 60}) {
		t.Errorf("%+v", s.Regions)
	}
	unchanged(t, base, out, s, 0)
	for _, x := range []foreign.Fix{a, b, c} {
		alike(t, out, fix, "yuv420p", x.Frames.From, x.Frames.Len(), x.Frames.From, 35)
	}
	proved(t, base, out, s)
}
