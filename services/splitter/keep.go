package splitter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/store"
)

// kept is a chunk of another deliverable that stands for frames of the source from number
// at on.
type kept struct {
	at int
	plan.Segment
}

// weave hands on the film: the other deliverable's chunks for what the source shares with
// it, as far as they are in the store, and segments of the source for all else.
func (w *work) weave(ctx context.Context, main *reel) error {
	want := w.job.Spec.Keep.Frames
	chunks, err := w.chunksToKeep(ctx)
	if err != nil {
		return err
	}
	for _, k := range chunks {
		info, err := w.env.Store.Stat(ctx, store.ChunkKey(k.Key))
		if errors.Is(err, store.ErrNotFound) || err == nil && info.Meta["sha256"] == "" {
			continue // it is encoded of the source, as what has changed is
		} else if err != nil {
			return fmt.Errorf("look for a chunk to keep: %w", err)
		}
		if err := w.pass(ctx, main, k.at, 0); err != nil {
			return err
		}
		n := k.Times.Len()
		times, err := w.skip(ctx, main, k.at+n)
		if err != nil {
			return err
		}
		if len(times) != n {
			return otherLength(main, want)
		}
		k.Times = plan.NewTimes(times)
		if err := w.queue.keep(ctx, k.Segment, info); err != nil {
			return err
		}
	}
	if err := w.pass(ctx, main, -1, 0); err != nil {
		return err
	}
	if main.first != want {
		return otherLength(main, want)
	}
	w.plan.End = main.end()
	return nil
}

func otherLength(main *reel, want int) error {
	return fault.Userf("wrong-length", main.name, fmt.Sprintf("it has %d frames, and what it was compared by %d", main.first, want),
		"render the whole timeline, from its first frame to its last")
}

// chunksToKeep returns the chunks of the other deliverable that lie within what the source
// shares with it. Those of another recipe are none: a deliverable has one.
func (w *work) chunksToKeep(ctx context.Context) (out []kept, err error) {
	m, err := w.baseManifest(ctx)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(m.Plan.Recipe.Canonical(), w.plan.Recipe.Canonical()) {
		w.plan.Notes = append(w.plan.Notes, "no chunk is kept: those of the other deliverable were made with another encoder or other settings")
		return nil, nil
	}
	runs := w.job.Spec.Keep.Runs
	if n := len(runs); n > 0 && runs[n-1].Old+runs[n-1].Frames > m.Frames {
		return nil, fault.Userf("bad-range", fmt.Sprintf("keep.runs[%d]", n-1), fmt.Sprintf("it ends behind the %d frames of the deliverable", m.Frames), "compare with that deliverable")
	}
	return within(m.Plan.Segments, runs), nil
}

// within returns the segments that lie in one of the runs as a whole.
func within(segments []plan.Segment, runs []job.KeepRun) (out []kept) {
	from := 0
	for _, s := range segments {
		to := from + s.Times.Len()
		for len(runs) > 0 && runs[0].Old+runs[0].Frames < to {
			if runs[0].Old+runs[0].Frames > from {
				break // it ends in the middle
			}
			runs = runs[1:]
		}
		if len(runs) > 0 && runs[0].Old <= from && to <= runs[0].Old+runs[0].Frames {
			out = append(out, kept{from - runs[0].Old + runs[0].New, s})
		}
		from = to
	}
	return out
}

// baseManifest reads the other deliverable's manifest.
func (w *work) baseManifest(ctx context.Context) (*plan.Manifest, error) {
	base := w.job.Spec.Keep.Base
	r, _, err := w.env.Store.Get(ctx, store.ManifestKey(w.job.Tenant, base))
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.Userf("no-such-deliverable", "keep.base", "no deliverable with the digest "+base+" was made here", "name one that was")
	} else if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	m, err := plan.DecodeManifest(b)
	if err != nil {
		return nil, fault.Userf("bad-manifest", "keep.base", err.Error(), "encode its source again with this version")
	}
	return m, nil
}

// keep takes the next segment of the film, whose chunk is in the store.
func (p *placer) keep(ctx context.Context, s plan.Segment, info store.Info) error {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	p.mu.Lock()
	i, start := len(p.placed), p.frames
	p.placed = append(p.placed, s)
	p.frames += s.Times.Len()
	p.reused++
	p.mu.Unlock()
	p.g.Go(func() error {
		defer func() { <-p.slots }()
		if err := p.w.known(ctx, p.w.task(i, start, s), info); err != nil {
			return fmt.Errorf("keep segment %d: %w", i, err)
		}
		p.w.segments.Inc()
		return nil
	})
	return nil
}
