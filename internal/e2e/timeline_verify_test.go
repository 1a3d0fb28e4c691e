package e2e_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/testenv"
)

// TestWhatListsTakeForTheSameIsVerified renders a changed timeline with a grade that no list
// tells of: it is seen where the pictures are compared, and there alone.
func TestWhatListsTakeForTheSameIsVerified(t *testing.T) {
	t.Parallel()
	film := losslessFilm(t, "null", "0")
	same, graded := losslessFilm(t, inserted, "1"), losslessFilm(t, inserted+",negate=enable='between(n,150,153)'", "1")
	dir := based(t, film, "base.mp4", append([]string{"--audio", "none"}, exactly...)...)
	lay(t, dir, "old.edl", oldRoll)
	lay(t, dir, "new.edl", newRoll)
	byLists := func(render, out string, more ...string) patchResult {
		return patchOf(t, dir, "base.mp4", render, out, append([]string{"--edl", "old.edl", "--edl", "new.edl"}, more...)...)
	}
	ungraded := byLists(same, "ungraded.mp4")
	byLists(graded, "blind.mp4")
	sameFrames(t, filepath.Join(dir, "blind.mp4"), testenv.FrameHashes(t, same)) // the base's

	var other []string // the chunks with the grade
	for _, c := range manifestOf(t, dir, "blind.mp4").Chunks {
		if c.Start < 154 && c.Start+c.Frames > 150 {
			other = append(other, fmt.Sprintf("frames %d to %d are other ones than they were taken for", c.Start, c.Start+c.Frames))
		}
	}
	for name, depth := range map[string][]string{"pixels": {"pixels"}, "eye": {"eye", "--tolerance", "60dB"}} {
		verify := append([]string{"--verify"}, depth...)
		if r := byLists(same, name+"-same.mp4", verify...); r.Chunks.Reused != ungraded.Chunks.Total || strings.Contains(fmt.Sprint(r.Notes), "other ones") {
			t.Errorf("%s: of a render without a grade the result is %+v", name, r)
		}
		sameFrames(t, filepath.Join(dir, name+"-same.mp4"), testenv.FrameHashes(t, same))
		r := byLists(graded, name+".mp4", verify...)
		sameFrames(t, filepath.Join(dir, name+".mp4"), testenv.FrameHashes(t, graded))
		for _, says := range other {
			if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, says) }) {
				t.Errorf("%s: the notes are %q, want %s", name, r.Notes, says)
			}
		}
		if len(other) == 0 || strings.Count(fmt.Sprint(r.Notes), "other ones") != len(other) || strings.Contains(fmt.Sprint(r.Notes), "lists tell timing") {
			t.Errorf("%s: the notes are %q, of %d chunks", name, r.Notes, len(other))
		}
		verified(t, dir, name+".mp4", "base.mp4", 0, "")
	}
}
