package splitter

import (
	"context"
	"fmt"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/plan"
)

// kept returns the stretches that the job names itself: chunks of the other deliverable
// that lie, as a whole, within what the source shares with it.
func (w *work) kept(ctx context.Context) ([]stretch, error) {
	m, err := w.base(ctx, w.job.Spec.Keep.Base, "keep.base")
	if err != nil {
		return nil, err
	}
	if !w.sameRecipe(m) {
		return nil, nil
	}
	runs := w.job.Spec.Keep.Runs
	if n := len(runs); n > 0 && runs[n-1].Old+runs[n-1].Frames > m.Frames {
		return nil, fault.Userf("bad-range", fmt.Sprintf("keep.runs[%d]", n-1), fmt.Sprintf("it ends behind the %d frames of the deliverable", m.Frames), "compare with that deliverable")
	}
	all := within(m, runs)
	chunks := make([]baseChunk, len(all))
	for i, s := range all {
		chunks[i] = s.chunk
	}
	if err := w.claim(ctx, chunks); err != nil {
		return nil, err
	}
	found, err := w.stored(ctx, all)
	if err != nil || w.job.Spec.Same == nil {
		return found, err
	}
	return w.verified(ctx, m, found)
}

// checkLength refuses a source that has another length than what a list told.
func (w *work) checkLength(main *reel) error {
	if k := w.job.Spec.Keep; k != nil && main.first != k.Frames {
		return fault.Userf("wrong-length", main.name, fmt.Sprintf("it has %d frames, and what it was compared by %d", main.first, k.Frames),
			"render the whole timeline, from its first frame to its last")
	}
	return nil
}

// within returns the chunks that lie in one of the runs as a whole.
func within(m *plan.Manifest, runs []job.KeepRun) (out []stretch) {
	for i, c := range m.Chunks {
		to := c.Start + c.Frames
		for len(runs) > 0 && runs[0].Old+runs[0].Frames < to {
			if runs[0].Old+runs[0].Frames > c.Start {
				break // it ends in the middle
			}
			runs = runs[1:]
		}
		if len(runs) > 0 && runs[0].Old <= c.Start && to <= runs[0].Old+runs[0].Frames {
			out = append(out, stretch{c.Start - runs[0].Old + runs[0].New, baseChunk{c, m.Plan.Segments[i]}})
		}
	}
	return out
}
