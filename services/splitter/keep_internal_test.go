package splitter

import (
	"fmt"
	"testing"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/plan"
)

// TestChunksWithinRuns are kept as a whole or not at all.
func TestChunksWithinRuns(t *testing.T) {
	m := &plan.Manifest{Plan: &plan.Plan{}} // of chunks of 10 frames
	for i := range 6 {
		m.Chunks = append(m.Chunks, plan.ManifestChunk{Start: 10 * i, Frames: 10, Key: fmt.Sprint(i)})
		m.Plan.Segments = append(m.Plan.Segments, plan.Segment{Key: fmt.Sprint(i)})
	}
	for _, tc := range []struct {
		runs []job.KeepRun
		want string
	}{
		{nil, ""},
		{[]job.KeepRun{{Old: 0, New: 0, Frames: 60}}, "0 at 0, 1 at 10, 2 at 20, 3 at 30, 4 at 40, 5 at 50, "},
		{[]job.KeepRun{{Old: 0, New: 7, Frames: 60}}, "0 at 7, 1 at 17, 2 at 27, 3 at 37, 4 at 47, 5 at 57, "},
		{[]job.KeepRun{{Old: 1, New: 0, Frames: 59}}, "1 at 9, 2 at 19, 3 at 29, 4 at 39, 5 at 49, "},
		{[]job.KeepRun{{Old: 0, New: 0, Frames: 59}}, "0 at 0, 1 at 10, 2 at 20, 3 at 30, 4 at 40, "},
		{[]job.KeepRun{{Old: 0, New: 0, Frames: 20}, {Old: 40, New: 22, Frames: 20}}, "0 at 0, 1 at 10, 4 at 22, 5 at 32, "},
		{[]job.KeepRun{{Old: 0, New: 0, Frames: 15}, {Old: 15, New: 16, Frames: 4}, {Old: 19, New: 30, Frames: 21}}, "0 at 0, 2 at 31, 3 at 41, "},
		{[]job.KeepRun{{Old: 11, New: 0, Frames: 8}, {Old: 20, New: 8, Frames: 10}}, "2 at 8, "},
		{[]job.KeepRun{{Old: 5, New: 5, Frames: 1}, {Old: 6, New: 7, Frames: 1}, {Old: 10, New: 10, Frames: 10}}, "1 at 10, "},
	} {
		got := ""
		for _, k := range within(m, tc.runs) {
			got += fmt.Sprintf("%s at %d, ", k.chunk.Key, k.at)
		}
		if got != tc.want {
			t.Errorf("%v keep %q, want %q", tc.runs, got, tc.want)
		}
	}
}
