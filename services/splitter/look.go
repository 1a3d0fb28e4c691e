package splitter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/chunk"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/split"
	"github.com/reweave/reweave/pkg/store"
)

// look is a first look at the whole source. Its work is a copy: what it notes is noted
// again when the source is cut.
type look struct {
	work
	known map[string]bool // keys of the base's chunks
	slots chan struct{}   // decoders
	// marks tells the frames of a segment from each other.
	marks func(ctx context.Context, segment string) ([]chunk.Frame, error)

	met  map[string]bool // keys of the base's chunks that the source has
	gaps []*gap
}

// gap is a stretch of frames of which the base doesn't have the packets.
type gap struct {
	first int // frame of the film
	marks []string
}

// newLook looks at the source for what the base doesn't have.
func (w *work) newLook(base *plan.Manifest) *look {
	l := &look{work: *w, known: map[string]bool{}, met: map[string]bool{}, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	for _, c := range base.Chunks {
		l.known[c.Key] = true
	}
	return l
}

// read reads the source anew. What visit has done beside it is waited for.
func (l *look) read(ctx context.Context, visit func(context.Context, *errgroup.Group, *reel) error) error {
	src := l.src
	if src.Stream != nil { // which is read once
		again, err := l.open.Open(ctx, l.job, l.dir)
		if err != nil {
			return err
		}
		defer again.Close()
		src = again
	}
	r, err := l.openReel(ctx, src, l.info, nil)
	if err != nil {
		return err
	}
	defer r.close()
	g, gctx := errgroup.WithContext(ctx)
	if err := visit(gctx, g, r); err != nil {
		return errors.Join(err, g.Wait())
	}
	return g.Wait()
}

// run reads the source and marks the frames of what the base doesn't have.
func (l *look) run(ctx context.Context) error {
	return l.read(ctx, func(ctx context.Context, g *errgroup.Group, r *reel) error {
		for {
			s, first, err := r.take(ctx, -1)
			if errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if err := l.segment(ctx, g, r, s, first); err != nil {
				return err
			}
			if l.byPackets() {
				return nil
			}
			r.spool.Release(r.oldest())
		}
	})
}

// byPackets says that nothing needs to be looked for: the source has packets of the base's.
func (l *look) byPackets() bool {
	depth := l.job.Spec.Same.Depth
	return len(l.met) > 0 && (depth == job.Auto || depth == "")
}

// segment looks at one segment: where its packets are new it has its frames marked.
func (l *look) segment(ctx context.Context, g *errgroup.Group, r *reel, s split.Segment, first int) error {
	digest, _, err := store.Digest(r.file(s).Open())
	if err != nil {
		return fmt.Errorf("digest the segment at frame %d: %w", first, err)
	}
	if key := chunk.Key(digest, s.First, len(s.PTS), l.plan.Recipe); l.known[key] {
		l.met[key] = true
		return nil
	}
	part := &gap{first: first}
	l.gaps = append(l.gaps, part)
	return l.beside(ctx, g, r, s, first, func(path string) error { return l.mark(ctx, part, s, path) })
}

// beside writes a segment into a file and has something done with it, a few at once.
func (l *look) beside(ctx context.Context, g *errgroup.Group, r *reel, s split.Segment, first int, do func(path string) error) error {
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	path := filepath.Join(l.dir, fmt.Sprintf("look%d.mkv", first))
	if err := write(path, r.file(s).Open()); err != nil {
		return err
	}
	g.Go(func() error {
		defer func() { os.Remove(path); <-l.slots }()
		return do(path)
	})
	return nil
}

// mark marks a segment's frames. One that does not decode to all of them matches nothing;
// what is wrong with it, its encode tells.
func (l *look) mark(ctx context.Context, part *gap, s split.Segment, path string) error {
	frames, err := l.marks(ctx, path)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	for _, f := range frames {
		if f.Rank == s.First+len(part.marks) && len(part.marks) < len(s.PTS) {
			part.marks = append(part.marks, f.Mark)
		}
	}
	return nil
}

// joined makes one gap of those that follow each other.
func (l *look) joined() (joined []gap) {
	for _, g := range l.gaps {
		if last := len(joined) - 1; last >= 0 && joined[last].first+len(joined[last].marks) == g.first {
			joined[last].marks = append(joined[last].marks, g.marks...)
			continue
		}
		joined = append(joined, *g)
	}
	return joined
}

func write(path string, r io.Reader) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write a segment: %w", err)
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write a segment: %w", err)
	}
	return nil
}
