package api

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/job"
)

// watchBus tells of changes as they happen.
type watchBus interface {
	// WatchJobs calls fn with the state of every job there is, then with every change,
	// until ctx ends.
	WatchJobs(ctx context.Context, fn func(job.Job)) error
	// WatchProgress calls fn with what a job tells of its progress, until ctx ends.
	WatchProgress(ctx context.Context, jobID string, fn func(job.Progress)) error
}

// hub hands what one watch of all jobs sees to any number of clients, and what one
// subscription per followed job hears of its progress.
type hub struct {
	ctx context.Context //nolint:containedctx // bounds goroutines begun by later requests
	bus watchBus
	log *zap.Logger
	wg  sync.WaitGroup

	mu     sync.Mutex
	topics map[string]*topic
}

// topic is a job that somebody follows.
type topic struct {
	followers map[*follower]struct{}
	stop      context.CancelFunc // ends the subscription to the job's progress
}

// follower is one client's mailbox. A client too slow for it loses the oldest
// states: every state is whole, and the last one always arrives.
type follower struct {
	states   chan job.Job
	progress chan job.Progress
}

const mailbox = 64

// newHub returns a hub that works until ctx ends.
func newHub(ctx context.Context, bus watchBus, log *zap.Logger) *hub {
	h := &hub{ctx: ctx, bus: bus, log: log, topics: map[string]*topic{}}
	h.wg.Go(func() {
		h.keep(ctx, "watch jobs", func() error { return bus.WatchJobs(ctx, h.state) })
	})
	return h
}

// wait returns when the hub's context has ended and nothing of it runs.
func (h *hub) wait() { h.wg.Wait() }

// keep runs watch again whenever it ends before ctx does: a watch begins with the
// state of everything, so nothing is missed in between.
func (h *hub) keep(ctx context.Context, what string, watch func() error) {
	for {
		err := watch()
		if ctx.Err() != nil {
			return
		}
		h.log.Warn(what+" again after it ended", zap.Error(err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// follow returns a mailbox for a job's events, and what to call when it is not
// needed any more.
func (h *hub) follow(id string) (f *follower, leave func()) {
	f = &follower{states: make(chan job.Job, mailbox), progress: make(chan job.Progress, mailbox)}
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[id]
	if t == nil {
		ctx, cancel := context.WithCancel(h.ctx)
		t = &topic{followers: map[*follower]struct{}{}, stop: cancel}
		h.topics[id] = t
		h.wg.Go(func() {
			h.keep(ctx, "watch progress", func() error { return h.bus.WatchProgress(ctx, id, h.progress) })
		})
	}
	t.followers[f] = struct{}{}
	return f, func() { h.leave(id, f) }
}

func (h *hub) leave(id string, f *follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[id]
	delete(t.followers, f)
	if len(t.followers) == 0 {
		t.stop()
		delete(h.topics, id)
	}
}

// state hands out a job's state. It never waits for a client.
func (h *hub) state(j job.Job) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[j.ID]
	if t == nil {
		return
	}
	for f := range t.followers {
		for !offer(f.states, j) {
			select {
			case <-f.states:
			default:
			}
		}
	}
}

// progress hands out progress; where there is no room it is lost, as it may be.
func (h *hub) progress(p job.Progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[p.Job]
	if t == nil {
		return
	}
	for f := range t.followers {
		offer(f.progress, p)
	}
}

func offer[T any](to chan T, v T) bool {
	select {
	case to <- v:
		return true
	default:
		return false
	}
}
