package splitter

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/chunk"
	"github.com/reweave/reweave/pkg/plan"
)

// Chunks are found wherever their pixels are, in any order and however often, and nowhere
// else.
func TestFindFindsChunksByTheirPixels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Chunks of frames that no other has, but for one frame that is everywhere.
		var all []baseChunk
		content := map[string][]string{}
		for i := range rapid.IntRange(1, 5).Draw(t, "chunks") {
			var hashes []string
			for f := range rapid.IntRange(1, 4).Draw(t, "length") {
				hashes = append(hashes, fmt.Sprintf("%d.%d", i, f))
			}
			if rapid.Bool().Draw(t, "begins with black") {
				hashes = append([]string{"black"}, hashes...)
			}
			c := baseChunk{ManifestChunk: plan.ManifestChunk{Frames: len(hashes), Pixels: chunk.Pixels(hashes)}}
			all, content[c.Pixels] = append(all, c), hashes
		}
		g := gap{first: rapid.IntRange(0, 100).Draw(t, "first")}
		var want []stretch
		for n := range rapid.IntRange(0, 8).Draw(t, "pieces") {
			if rapid.Bool().Draw(t, "new") {
				g.marks = append(g.marks, fmt.Sprintf("new%d", n))
				continue
			}
			c := rapid.SampledFrom(all).Draw(t, "chunk")
			want = append(want, stretch{g.first + len(g.marks), c})
			g.marks = append(g.marks, content[c.Pixels]...)
		}
		got := find(g, byPixels(all))
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("found %v, want %v in %v", got, want, g)
		}
	})
}

// A chunk is located where it is expected though it would fit elsewhere too, else where it
// fits best, and never on top of another.
func TestLocate(t *testing.T) {
	grey := func(levels ...byte) (frames []chunk.Frame) {
		for _, v := range levels {
			frames = append(frames, chunk.Frame{Mark: string([]byte{v, v})})
		}
		return frames
	}
	var marks []string
	for _, f := range grey(10, 10, 50, 51, 90, 91, 50, 50, 200) {
		marks = append(marks, f.Mark)
	}
	gaps := []gap{{first: 100, marks: marks}}
	taken := func(at, n int) []stretch {
		return []stretch{{at, baseChunk{ManifestChunk: plan.ManifestChunk{Frames: n}}}}
	}
	for name, tc := range map[string]struct {
		frames   []chunk.Frame
		expected int
		taken    []stretch
		at       int
		ok       bool
	}{
		"the best fit":             {grey(50, 50), 0, nil, 106, true},
		"where it is expected":     {grey(50, 50), 102, nil, 102, true},
		"not on top of another":    {grey(50, 50), 0, taken(107, 1), 102, true},
		"nowhere":                  {grey(120, 120), 0, nil, 0, false},
		"not where only half fits": {grey(91, 120), 0, nil, 0, false},
		"not past the end":         {grey(200, 200), 0, nil, 0, false},
	} {
		if at, ok := locate(gaps, tc.frames, tc.expected, tc.taken); at != tc.at || ok != tc.ok {
			t.Errorf("%s: at %d, %v; want %d, %v", name, at, ok, tc.at, tc.ok)
		}
	}
}
