package splitter

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/reweave/reweave/pkg/chunk"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/split"
	"github.com/reweave/reweave/pkg/store"
)

// near finds the stretches of the source that come near to a chunk's own frames. Thumbs say
// where one may lie; then every frame is compared in full.
func (l *look) near(ctx context.Context, lost []baseChunk) ([]stretch, error) {
	gaps := l.joined()
	if len(gaps) == 0 {
		return nil, nil
	}
	var found []stretch
	next := 0 // where the next chunk lies, if nothing came between
	for i, c := range lost {
		file := filepath.Join(l.dir, fmt.Sprintf("base%d.mp4", i))
		err := store.Fetch(ctx, l.env.Store, store.ChunkKey(c.Key), c.SHA256, file)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDigest) {
			continue
		} else if err != nil {
			return nil, err
		}
		frames, err := chunk.Thumbs(ctx, l.tool, file)
		if err := errors.Join(err, os.Remove(file)); err != nil {
			return nil, err
		}
		if at, ok := locate(gaps, frames, max(next, c.Start), found); ok {
			found = append(found, stretch{at, c})
			next = at + c.Frames
		}
	}
	slices.SortFunc(found, func(a, b stretch) int { return a.at - b.at })
	return l.compared(ctx, found)
}

// alike is how far the thumbs of frames that may be near each other are apart at the most,
// in levels of grey for each pixel.
const alike = 4.0

// locate finds where a chunk's frames may lie: where they are expected, or else where their
// thumbs fit best. No frame is taken twice.
func locate(gaps []gap, frames []chunk.Frame, expected int, taken []stretch) (at int, ok bool) {
	best := alike
	for _, g := range gaps {
		for p := 0; p+len(frames) <= len(g.marks); p++ {
			if distance(g.marks[p], frames[0].Mark) > 2*alike || overlaps(g.first+p, len(frames), taken) {
				continue
			}
			d := 0.0
			for k := range frames {
				if d += distance(g.marks[p+k], frames[k].Mark) / float64(len(frames)); d >= best {
					break
				}
			}
			if d < best || d < alike && g.first+p == expected {
				at, ok, best = g.first+p, true, d
			}
			if ok && at == expected {
				return at, true
			}
		}
	}
	return at, ok
}

// distance is that of two thumbs, in levels for each pixel.
func distance(a, b string) float64 {
	sum := 0
	for i := range len(a) {
		d := int(a[i]) - int(b[i])
		sum += max(d, -d)
	}
	return float64(sum) / float64(len(a))
}

func overlaps(at, n int, taken []stretch) bool {
	return slices.ContainsFunc(taken, func(s stretch) bool { return at < s.at+s.chunk.Frames && s.at < at+n })
}

// compared reads the source again and leaves out the stretches that are not as near to
// their chunks as the job wants.
func (l *look) compared(ctx context.Context, found []stretch) (kept []stretch, err error) {
	c := &comparison{look: l, far: map[int]bool{}}
	if err := l.pieces(ctx, found, c.fetch, c.piece); err != nil {
		return nil, err
	}
	for i, s := range found {
		os.Remove(c.file(i))
		if !c.far[i] {
			kept = append(kept, s)
		}
	}
	return kept, nil
}

// comparison compares stretches of the source with chunks.
type comparison struct {
	*look
	mu  sync.Mutex
	far map[int]bool
}

func (c *comparison) file(i int) string { return filepath.Join(c.dir, fmt.Sprintf("base%d.mp4", i)) }

// fetch fetches the chunk of stretch i. One that was evicted meanwhile is near to nothing.
func (c *comparison) fetch(ctx context.Context, i int, st stretch) error {
	err := store.Fetch(ctx, c.env.Store, store.ChunkKey(st.chunk.Key), st.chunk.SHA256, c.file(i))
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDigest) {
		c.isFar(i)
		return nil
	}
	return err
}

func (c *comparison) isFar(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.far[i] = true
}

// piece compares the frames that a segment owns with those of the stretch's chunk.
func (c *comparison) piece(ctx context.Context, i int, st stretch, s split.Segment, first int, path string) error {
	t := queue.Task{First: s.First, Frames: len(s.PTS), Recipe: c.plan.Recipe}
	want := c.job.Spec.Same
	for metric, least := range map[string]float64{chunk.PSNR: want.PSNR, chunk.SSIM: want.SSIM} {
		if least == 0 {
			continue
		}
		worst, err := chunk.Nearness(ctx, c.tool, t, path, c.file(i), first-st.at, metric)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil || math.IsNaN(worst) || worst < least {
			c.isFar(i)
			return nil //nolint:nilerr // what can't be compared is encoded
		}
	}
	return nil
}
