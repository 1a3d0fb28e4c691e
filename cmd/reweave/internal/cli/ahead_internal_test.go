package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/patch"
	"github.com/reweave/reweave/pkg/plan"
)

// Each letter is a chunk of ten frames.
func TestPlansTellWhatChanges(t *testing.T) {
	change := func(a, b, c, d int) patch.Change {
		return patch.Change{Old: patch.Frames{From: a, To: b}, New: patch.Frames{From: c, To: d}}
	}
	for _, c := range []struct {
		before, after string
		want          []patch.Change
	}{
		{"abcd", "abcd", nil},
		{"abcd", "abxd", []patch.Change{change(20, 30, 20, 30)}},
		{"abcd", "xbcy", []patch.Change{change(0, 10, 0, 10), change(30, 40, 30, 40)}},
		{"abcd", "abxycd", []patch.Change{change(20, 20, 20, 40)}},
		{"abcd", "ad", []patch.Change{change(10, 30, 10, 10)}},
		{"abcd", "wxyz", []patch.Change{change(0, 40, 0, 40)}},
	} {
		m, p := &plan.Manifest{}, &plan.Plan{}
		for i, key := range strings.Split(c.before, "") {
			m.Chunks = append(m.Chunks, plan.ManifestChunk{Key: key, Start: 10 * i, Frames: 10})
		}
		for _, key := range strings.Split(c.after, "") {
			p.Segments = append(p.Segments, plan.Segment{Key: key, Times: plan.NewTimes(make([]int64, 10))})
		}
		if got := changesOf(m, p); !slices.Equal(got, c.want) {
			t.Errorf("from %s to %s: %v, want %v", c.before, c.after, got, c.want)
		}
	}
}
