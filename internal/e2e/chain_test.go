package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
)

// TestRangesArePatchedOneAfterTheOther patches a patched film by hand, again and again: each
// time what was replaced before stays, and nothing of it is encoded again.
func TestRangesArePatchedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	film, other := cutFilm(t, "null"), cutFilm(t, "hue=h=90")
	fix := func(name string, frames string) string {
		file := cutFilm(t, name+",trim=end_frame="+frames)
		return file
	}
	negated, mirrored, long := copied(t, fix("negate", "20")), fix("hflip", "20"), fix("vflip", "31")
	frames, a, b, c, d := testenv.FrameHashes(t, film), testenv.FrameHashes(t, negated), testenv.FrameHashes(t, mirrored), testenv.FrameHashes(t, long), testenv.FrameHashes(t, other)
	dir := based(t, film, "0.mp4", append([]string{"--audio", "none"}, exactly...)...)
	byHand := func(base, out string, args ...string) patchResult {
		r := patchOf(t, dir, base, film, out, args...)
		if strings.Contains(fmt.Sprint(r.Notes), "no range names them") {
			t.Errorf("%s: the notes are %q, of %+v", out, r.Notes, r.Changes)
		}
		return r
	}
	byHand("0.mp4", "1.mp4", "--range", "20f-40f="+negated)
	want := slices.Concat(frames[:20], a, frames[40:])
	sameFrames(t, filepath.Join(dir, "1.mp4"), want)

	p := e2e.Command(t, dir, "patch", "1.mp4", "--range", "200f-220f="+mirrored, "-o", "2.mp4", "--data", "data") // without its source
	if code := p.Run(); code != 0 || !strings.Contains(p.Stderr.String(), "with the ranges that were replaced in it before: 1") {
		t.Fatalf("exit code %d: %s", code, &p.Stderr)
	}
	want = slices.Concat(want[:200], b, want[220:])
	sameFrames(t, filepath.Join(dir, "2.mp4"), want)
	verified(t, dir, "2.mp4", "1.mp4", 0, "")
	byHand("0.mp4", "both.mp4", "--range", "20f-40f="+negated, "--range", "200f-220f="+mirrored)
	sameBytes(t, filepath.Join(dir, "2.mp4"), filepath.Join(dir, "both.mp4"))

	byHand("2.mp4", "3.mp4", "--ripple", "--range", "30f-35f="+long) // within the first range
	want = slices.Concat(want[:30], c, want[35:])
	sameFrames(t, filepath.Join(dir, "3.mp4"), want)
	verified(t, dir, "3.mp4", "2.mp4", 0, "")

	r := byHand("3.mp4", "4.mp4", "--range", "240f-260f="+negated) // behind what moved
	want = slices.Concat(want[:240], a, want[260:])
	sameFrames(t, filepath.Join(dir, "4.mp4"), want)
	if len(r.Changes) != 1 || r.Changes[0].New.From > 240 || r.Changes[0].New.To < 260 || r.Chunks.Encoded > 4 {
		t.Errorf("the last patch changed %+v, with %+v", r.Changes, r.Chunks)
	}

	byHand("1.mp4", "aligned.mp4", "--aligned", "--range", "30f-60f="+other) // half of it over the first range
	sameFrames(t, filepath.Join(dir, "aligned.mp4"), slices.Concat(frames[:20], a[:10], d[30:60], frames[60:]))

	if r := patchOf(t, dir, "0.mp4", cutFilm(t, "negate=enable='between(n,250,260)'"), "beside.mp4", "--range", "20f-40f="+negated); !strings.Contains(fmt.Sprint(r.Notes), "no range names them") {
		t.Errorf("of another source the notes are %q, %+v", r.Notes, r.Changes)
	}
	if err := os.Remove(negated); err != nil {
		t.Fatal(err)
	}
	mistaken(t, dir, "frames of it were made from "+negated+", which can't be read any more", "4.mp4", "--range", "0f-20f="+mirrored)
}

// TestAPatchThatIsNotProvedIsNotThere stops a patch while it is proved, and damages what it
// is to be compared with: OUT comes when its proof does.
func TestAPatchThatIsNotProvedIsNotThere(t *testing.T) {
	t.Parallel()
	film, short := cutFilm(t, "null"), cutFilm(t, "negate,trim=end_frame=20")
	dir := based(t, film, "base.mp4", append([]string{"--audio", "none"}, exactly...)...)
	args := []string{"patch", "base.mp4", "--range", "100f-120f=" + short, "-o", "out.mp4", "--data", "data"}
	p := e2e.Command(t, dir, args...).Begin()
	testenv.Await(t, time.Minute, "the proof", func() bool {
		return strings.Contains(p.Stderr.String(), "proving that nothing else changed") || !p.Running()
	})
	_ = p.Process.Signal(os.Interrupt) // it may have ended
	code := p.Exit()
	p.Gone()
	_, err := os.Stat(filepath.Join(dir, "out.mp4"))
	_, reported := os.Stat(filepath.Join(dir, "out.mp4.patch.json"))
	switch {
	case code == 0 && (err != nil || reported != nil): // it was done already
		t.Errorf("it ended well, and %v, %v", err, reported)
	case code != 0 && (err == nil || reported == nil):
		t.Errorf("exit code %d, and there is an unproved film, or a report of none: %s", code, &p.Stderr)
	}
	again := e2e.Command(t, dir, append(args, "-y")...)
	if code := again.Run(); code != 0 {
		t.Fatalf("once more: exit code %d: %s", code, &again.Stderr)
	}
	verified(t, dir, "out.mp4", "base.mp4", 0, "")
}
