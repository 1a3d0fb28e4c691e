package splitter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/chunk"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/faultpoint"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/split"
	"github.com/reweave/reweave/pkg/store"
)

// placer hands segments on: it looks whether their chunks exist, stores those that are
// to be encoded, and lets them into the queue. A few are handled side by side.
type placer struct {
	w     *work
	g     *errgroup.Group
	slots chan struct{}

	mu      sync.Mutex
	placed  []plan.Segment
	frames  int // owned by the segments so far
	holding map[int]held
	waiting map[int]int64
	reused  int
}

// held is the oldest packet that a segment needs while it is handled.
type held struct {
	reel   *reel
	packet int
}

// handlers is how many segments are handled side by side.
const handlers = 4

func newPlacer(w *work, g *errgroup.Group) *placer {
	return &placer{w: w, g: g, slots: make(chan struct{}, handlers), holding: map[int]held{}, waiting: map[int]int64{}}
}

// add takes the next segment of the film, whose owned frames are shown at times.
func (p *placer) add(ctx context.Context, r *reel, s split.Segment, times []int64) error {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	p.mu.Lock()
	i, start := len(p.placed), p.frames
	p.placed = append(p.placed, plan.Segment{})
	p.frames += len(times)
	p.holding[i] = held{r, s.Carried[0]}
	p.mu.Unlock()
	p.g.Go(func() error {
		defer func() { <-p.slots }()
		return p.place(ctx, i, start, r, s, times)
	})
	p.release(r)
	return nil
}

// take takes a stretch of the film, whose frames are shown at times, that has its chunk.
func (p *placer) take(ctx context.Context, s stretch, times []int64) error {
	p.mu.Lock()
	i, start := len(p.placed), p.frames
	seg := s.chunk.segment
	seg.Times = plan.NewTimes(times)
	p.placed = append(p.placed, seg)
	p.frames += len(times)
	p.reused++
	p.mu.Unlock()
	if _, err := p.w.offer(ctx, p.task(i, start, seg, ""), nil); err != nil {
		return fmt.Errorf("take over chunk %d: %w", i, err)
	}
	return nil
}

// drain waits until all segments so far are handled.
func (p *placer) drain(ctx context.Context) error {
	for range handlers {
		select {
		case p.slots <- struct{}{}:
			defer func() { <-p.slots }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// release lets go of the packets that no segment needs any more.
func (p *placer) release(r *reel) {
	oldest := r.oldest()
	p.mu.Lock()
	for _, h := range p.holding {
		if h.reel == r {
			oldest = min(oldest, h.packet)
		}
	}
	p.mu.Unlock()
	r.spool.Release(oldest)
}

// place handles segment number i, whose first frame is number start.
func (p *placer) place(ctx context.Context, i, start int, r *reel, s split.Segment, times []int64) error {
	file := r.file(s)
	digest, _, err := store.Digest(file.Open())
	if err != nil {
		return fmt.Errorf("digest segment %d: %w", i, err)
	}
	seg := plan.Segment{
		Digest: digest, First: s.First, Bytes: file.Size(), Times: plan.NewTimes(times),
		Key: chunk.Key(digest, s.First, len(s.PTS), p.w.plan.Recipe),
	}
	waits, err := p.w.offer(ctx, p.task(i, start, seg, r.pixFmt), file.Open())
	if err != nil {
		return fmt.Errorf("store segment %d: %w", i, err)
	}
	p.w.segments.Inc()
	p.mu.Lock()
	p.placed[i] = seg
	delete(p.holding, i)
	if waits {
		p.waiting[i] = file.Size()
	} else {
		p.reused++
	}
	p.mu.Unlock()
	return p.pause(ctx)
}

// task is the task of segment number i, whose first frame is number start, and whose frames
// have this pixel format.
func (p *placer) task(i, start int, s plan.Segment, pixFmt string) queue.Task {
	j := p.w.job
	return queue.Task{
		Job: j.ID, ID: queue.Video(i), Class: j.Spec.Class, Window: p.w.window, Tenant: j.Tenant, Slots: j.Slots,
		Source: store.SegmentKey(j.ID, s.Digest), SHA256: s.Digest, Bytes: s.Bytes,
		First: s.First, Frames: s.Times.Len(), Start: start, Decoded: pixFmt, Recipe: p.w.plan.Recipe, Key: s.Key,
	}
}

// pause waits while more than the allowed bytes of segments wait for encoders, so that
// a long source of raw frames does not fill the store.
func (p *placer) pause(ctx context.Context) error {
	for look := 1; ; look++ {
		p.mu.Lock()
		var sum int64
		oldest := -1
		for i, n := range p.waiting {
			sum += n
			if oldest < 0 || i < oldest {
				oldest = i
			}
		}
		p.mu.Unlock()
		if sum <= p.w.cfg.Ahead {
			return nil
		}
		_, done, err := p.w.env.Bus.Done(ctx, p.w.job.ID, queue.Video(oldest))
		if err != nil {
			return err
		}
		if done {
			p.mu.Lock()
			delete(p.waiting, oldest)
			p.mu.Unlock()
			continue
		}
		if look%10 == 0 { // else it could wait for ever
			if err := p.w.stillPinned(ctx); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (p *placer) segments() []plan.Segment { return slices.Clone(p.placed) }
func (p *placer) reusedCount() int         { return p.reused }

// offer makes a task known. Where its chunk is in the store already, the task is done
// by that; else its source is stored and the task enters the queue, at once when it is
// among the first of its job, else when the one that is a window ahead of it is done.
// It reports whether the task waits for an encoder. Without a source only the chunk is of
// use, which the job has claimed and somebody may have deleted all the same.
func (w *work) offer(ctx context.Context, t queue.Task, source io.ReadSeeker) (waits bool, err error) {
	bus, st := w.env.Bus, w.env.Store
	// Claimed, then looked for: what is found from here on stays until the job is over.
	if err := w.claims.Claim(ctx, t.Job, t.Key); err != nil {
		return false, err
	}
	faultpoint.Hit("splitter.after-claim")
	if w.again {
		if d, done, err := bus.Done(ctx, t.Job, t.ID); err != nil || done && d.Key == t.Key {
			return false, err
		}
	}
	switch info, err := st.Stat(ctx, store.ChunkKey(t.Key)); {
	case err == nil && info.Meta["sha256"] != "":
		return false, w.known(ctx, t, info)
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return false, err
	}
	if source == nil {
		return false, &fault.Error{Class: fault.Retry, Type: "lost-chunk", Where: t.Key, Title: "the chunk was deleted while the job was split"}
	}
	faultpoint.Hit("splitter.before-put-segment")
	if err := st.Put(ctx, t.Source, source, t.Bytes, nil); err != nil {
		return false, err
	}
	faultpoint.Hit("splitter.after-put-segment")
	w.service.bytes.Add(float64(t.Bytes))
	if err := bus.PutTask(ctx, t); err != nil {
		return false, err
	}
	faultpoint.Hit("splitter.after-put-task")
	// Write, then look: the encoder that finishes the task a window ahead writes its
	// record, then looks for ours. Whoever comes later sees both.
	if !t.ID.IsAudio() && t.ID.Index() >= t.Window {
		if _, done, err := bus.Done(ctx, t.Job, queue.Video(t.ID.Index()-t.Window)); err != nil || !done {
			return true, err
		}
	}
	defer faultpoint.Hit("splitter.after-enqueue")
	return true, bus.Release(ctx, t)
}

// known makes a task known whose chunk is in the store already.
func (w *work) known(ctx context.Context, t queue.Task, info store.Info) error {
	w.service.reused.Inc()
	_, err := w.env.Bus.CommitDone(ctx, queue.Done{
		Job: t.Job, Task: t.ID, Key: t.Key, SHA256: info.Meta["sha256"], Bytes: info.Size,
		Frames: t.Frames, Pixels: info.Meta["pixels"], Reused: true, Worker: "splitter", At: time.Now().UTC(),
	})
	return errors.Join(err, w.follow(ctx, t))
}

// follow releases the task that waits for t, if it is known already: segments are
// handled side by side, so it may be.
func (w *work) follow(ctx context.Context, t queue.Task) error {
	if t.ID.IsAudio() {
		return nil
	}
	next, found, err := w.env.Bus.Task(ctx, t.Job, queue.Video(t.ID.Index()+t.Window))
	if err != nil || !found {
		return err
	}
	if _, done, err := w.env.Bus.Done(ctx, t.Job, next.ID); err != nil || done {
		return err
	}
	return w.env.Bus.Release(ctx, next)
}

func putBytes(ctx context.Context, st store.Store, key string, b []byte) error {
	return st.Put(ctx, key, bytes.NewReader(b), int64(len(b)), nil)
}
