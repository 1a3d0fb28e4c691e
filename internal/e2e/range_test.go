package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
)

// exactly are settings under which every frame comes out as it went in.
var exactly = []string{"--data", "data", "--json", "--preset", "ultrafast", "--qp", "0", "--chunk-min", "0.5", "--chunk-max", "2"}

// TestRangesAreReplacedFrameForFrame replaces ranges by hand, and compares every frame
// and its time with those that were to come out.
func TestRangesAreReplacedFrameForFrame(t *testing.T) {
	t.Parallel()
	film := cutFilm(t, "null")
	whole, short, long := cutFilm(t, "negate"), cutFilm(t, "negate,trim=end_frame=20"), cutFilm(t, "negate,trim=end_frame=31")
	frames, negated := testenv.FrameHashes(t, film), testenv.FrameHashes(t, whole)
	for name, tc := range map[string]struct {
		audio string
		args  []string
		want  []testenv.Frame // in order; times are those of the film, or follow each other
	}{
		"a range":    {"aac", []string{"--range", "100f-120f=" + short}, slices.Concat(frames[:100], negated[:20], frames[120:])},
		"by time":    {"aac", []string{"--range", "4.0-4.8=" + short}, slices.Concat(frames[:100], negated[:20], frames[120:])},
		"aligned":    {"aac", []string{"--aligned", "--range", "00:00:04:00-00:00:04:20=" + whole}, slices.Concat(frames[:100], negated[100:120], frames[120:])},
		"two ranges": {"none", []string{"--range", "200f-220f=" + short, "--range", "0f-20f=" + short}, slices.Concat(negated[:20], frames[20:200], negated[:20], frames[220:])},
		"the end":    {"aac", []string{"--range", "280f-300f=" + short}, slices.Concat(frames[:280], negated[:20])},
		"everything": {"none", []string{"--aligned", "--range", "0f-300f=" + whole}, negated},
		"longer":     {"none", []string{"--ripple", "--range", "100f-120f=" + long}, slices.Concat(frames[:100], negated[:31], frames[120:])},
		"shorter":    {"none", []string{"--ripple", "--range", "100f-150f=" + short}, slices.Concat(frames[:100], negated[:20], frames[150:])},
		"insertion":  {"none", []string{"--ripple", "--range", "100f-100f=" + short}, slices.Concat(frames[:100], negated[:20], frames[100:])},
		"in front":   {"none", []string{"--ripple", "--range", "0f-0f=" + short}, slices.Concat(negated[:20], frames)},
		"behind":     {"none", []string{"--ripple", "--range", "300f-300f=" + short}, slices.Concat(frames, negated[:20])},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := based(t, film, "base.mp4", append([]string{"--audio", tc.audio}, exactly...)...)
			patchOf(t, dir, "base.mp4", film, "out.mp4", tc.args...)
			got := testenv.FrameHashes(t, filepath.Join(dir, "out.mp4"))
			if len(got) != len(tc.want) {
				t.Fatalf("%d frames, want %d", len(got), len(tc.want))
			}
			for i, f := range got {
				at := float64(f.PTS-got[0].PTS) * f.TimeBase.Float()
				if f.Hash != tc.want[i].Hash || at < float64(i)/25-0.0001 || at > float64(i)/25+0.0001 {
					t.Fatalf("frame %d at %.4f s is another one", i, at)
				}
			}
			verified(t, dir, "out.mp4", "base.mp4", 0, "")
			if err := os.RemoveAll(filepath.Join(dir, "data", "objects", "reweave", "chunks")); err != nil {
				t.Fatal(err)
			}
			again := patchOf(t, dir, "base.mp4", film, "again.mp4", tc.args...)
			if again.Chunks.Encoded < 2 {
				t.Errorf("with an empty store it has the chunks %+v", again.Chunks)
			}
			sameBytes(t, filepath.Join(dir, "out.mp4"), filepath.Join(dir, "again.mp4"))
		})
	}
}

// TestMistakesInRangesAreTold wants each in one line, before anything is encoded.
func TestMistakesInRangesAreTold(t *testing.T) {
	t.Parallel()
	film, short, small := cutFilm(t, "null"), cutFilm(t, "negate,trim=end_frame=20"), cutFilm(t, "scale=80:60,trim=end_frame=20")
	dir := based(t, film, "base.mp4", append([]string{"--audio", "aac"}, exactly...)...)
	mp4 := filepath.Join(dir, "fix.mp4")
	e2e.Command(t, dir, append([]string{"encode", short, "-o", mp4, "--audio", "aac"}, exactly...)...).Succeed()
	before := digestOf(t, mp4)
	lay(t, dir, "list.mp4", "in,out\n100f,120f\n")
	lay(t, dir, "list.csv", "in,out,fix\n100f,120f,fix.mp4\n")
	for name, tc := range map[string]struct {
		says string
		args []string
	}{
		"no range":           {"it is no range", []string{"--range", "100f=" + short}},
		"no file":            {"there is no such file", []string{"--range", "100f-120f=nothing.mov"}},
		"no time":            {`"x" is neither a timecode nor seconds`, []string{"--range", "x-120f=" + short}},
		"backwards":          {"f-100f=" + short + ": frame 100 comes before frame 120", []string{"--range", "120f-100f=" + short}},
		"nothing to replace": {"it replaces no frame", []string{"--range", "100f-100f=" + short}},
		"overlapping":        {"it begins at frame 119, before frame 120, where --range 100f-120f=", []string{"--range", "100f-120f=" + short, "--range", "119f-139f=" + short}},
		"past the end":       {"it replaces frames up to 310 of a film that has 300", []string{"--range", "290f-310f=" + short}},
		"over a fix":         {"OUTPUT is the same file as INPUT", []string{"--range", "100f-120f=" + mp4, "-o", mp4, "-y"}},
		"over a list":        {"OUTPUT is the same file as INPUT", []string{"--ranges", "list.mp4", "--fix", short, "-o", "list.mp4", "-y"}},
		"over a list's fix":  {"OUTPUT is the same file as INPUT", []string{"--ranges", "list.csv", "-o", mp4, "-y"}},
		"no such base":       {"nothing.mp4: there is no such file", []string{"nothing.mp4"}},
		"too short":          {"it has 20 frames, and is to replace 40", []string{"--range", "100f-140f=" + short}},
		"too long":           {"it has more than the 10 frames", []string{"--range", "100f-110f=" + short}},
		"another size":       {"its size is 80×60, not 160×120", []string{"--range", "100f-120f=" + small}},
		"ripple with audio":  {"the sound doesn't follow", []string{"--ripple", "--range", "100f-120f=" + short}},
		"ripple of nothing":  {"there is none", []string{"--ripple"}},
		"both":               {"has the film's length", []string{"--ripple", "--aligned", "--range", "100f-120f=" + film}},
	} {
		base := []string{"patch", "base.mp4"}
		if name == "no such base" {
			base = base[:1]
		}
		p := e2e.Command(t, dir, append(append(base, "--source", film, "-o", "out.mp4", "--data", "data"), tc.args...)...)
		if code := p.Run(); code != 2 || !strings.Contains(p.Stderr.String(), tc.says) {
			t.Errorf("%s: exit code %d: %s", name, code, &p.Stderr)
		}
		noOutput(t, dir)
	}
	if digestOf(t, mp4) != before {
		t.Error("a fix was written over")
	}
}

// TestTheSourceIsRemembered patches ranges without naming the source.
func TestTheSourceIsRemembered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	film, short := copied(t, cutFilm(t, "null")), cutFilm(t, "negate,trim=end_frame=20")
	e2e.Command(t, dir, append([]string{"encode", film, "-o", "base.mp4", "--audio", "aac"}, exactly...)...).Succeed()
	patch := func(out, says string, code int, args ...string) {
		p := e2e.Command(t, dir, append([]string{"patch", "base.mp4", "--range", "100f-120f=" + short, "-o", out, "--data", "data"}, args...)...)
		if got := p.Run(); got != code || !strings.Contains(p.Stderr.String(), says) {
			t.Errorf("exit code %d, want %d and %q: %s", got, code, says, &p.Stderr)
		}
	}
	patch("named.mp4", "", 0, "--source", film)
	patch("remembered.mp4", "of the source "+film, 0)
	sameBytes(t, filepath.Join(dir, "named.mp4"), filepath.Join(dir, "remembered.mp4"))
	moved := film + ".moved.mov"
	if err := os.Rename(film, moved); err != nil {
		t.Fatal(err)
	}
	patch("none.mp4", "it was made from "+film+", which can't be read any more", 2)
	patch("moved.mp4", "", 0, "--source", moved)
	sameBytes(t, filepath.Join(dir, "named.mp4"), filepath.Join(dir, "moved.mp4"))
	p := e2e.Command(t, dir, "patch", short, "--range", "0f-20f="+short, "-o", "x.mp4", "--data", "data")
	if code := p.Run(); code != 2 || !strings.Contains(p.Stderr.String(), "it is not known what it was made from") {
		t.Errorf("a film that was not made here: exit code %d: %s", code, &p.Stderr)
	}
}
