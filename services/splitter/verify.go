package splitter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/chunk"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/split"
)

// verified leaves out the stretches in which the source is not the same, at the depth that
// the job asks for, and notes where they are: whoever named them did not know.
func (w *work) verified(ctx context.Context, base *plan.Manifest, found []stretch) (kept []stretch, err error) {
	l := w.newLook(base)
	if w.job.Spec.Same.Depth == job.Eye {
		kept, err = l.compared(ctx, found)
	} else {
		kept, err = l.samePixels(ctx, found)
	}
	if err != nil {
		return nil, err
	}
	left := kept
	for _, s := range found {
		if len(left) > 0 && left[0].at == s.at {
			left = left[1:]
			continue
		}
		w.plan.Notes = append(w.plan.Notes, fmt.Sprintf("frames %d to %d are other ones than they were taken for, and are encoded", s.at, s.at+s.chunk.Frames))
	}
	return kept, nil
}

// samePixels leaves out the stretches that do not decode to what their chunks were made from.
func (l *look) samePixels(ctx context.Context, found []stretch) (kept []stretch, err error) {
	var mu sync.Mutex
	hashes := make([][]string, len(found))
	for i, s := range found {
		hashes[i] = make([]string, s.chunk.Frames)
	}
	if err := l.pieces(ctx, found, nil, func(ctx context.Context, i int, st stretch, s split.Segment, first int, path string) error {
		frames, err := chunk.Frames(ctx, l.tool, path)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return nil // what does not decode is the same as nothing; its encode tells of it
		}
		mu.Lock()
		defer mu.Unlock()
		for _, f := range frames {
			if k := f.Rank - s.First; k >= 0 && k < len(s.PTS) {
				hashes[i][first-st.at+k] = f.Mark
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	for i, s := range found {
		if chunk.Pixels(hashes[i]) == s.chunk.Pixels {
			kept = append(kept, s)
		}
	}
	return kept, nil
}

// pieces reads the source anew and has something done with the segments that the stretches
// are cut into; begin, if there is one, is called before the first of a stretch.
func (l *look) pieces(ctx context.Context, found []stretch, begin func(context.Context, int, stretch) error,
	do func(ctx context.Context, i int, st stretch, s split.Segment, first int, path string) error,
) error {
	return l.read(ctx, func(ctx context.Context, g *errgroup.Group, r *reel) error {
		for i, st := range found {
			if begin != nil {
				if err := begin(ctx, i, st); err != nil {
					return err
				}
			}
			if err := l.cut(ctx, r, st, func(s split.Segment, first int) error {
				return l.beside(ctx, g, r, s, first, func(path string) error { return do(ctx, i, st, s, first, path) })
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// cut reads on to the end of a stretch and hands on the segments of which it is made.
func (l *look) cut(ctx context.Context, r *reel, st stretch, segment func(s split.Segment, first int) error) error {
	for {
		to := st.at
		if r.first >= to {
			to += st.chunk.Frames
		}
		s, first, err := r.take(ctx, to)
		if errors.Is(err, io.EOF) && to > st.at {
			return nil
		} else if errors.Is(err, io.EOF) {
			continue
		} else if err != nil {
			return err
		}
		if first >= st.at {
			if err := segment(s, first); err != nil {
				return err
			}
		}
		r.spool.Release(r.oldest())
	}
}
