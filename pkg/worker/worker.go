// Package worker holds what services that pull work from the queue have in common:
// keeping a lease while the work goes on, ending the work of a cancelled job, and no
// longer pulling when the service drains.
package worker

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrCancelled is the cause of the context of work whose job was cancelled.
var ErrCancelled = errors.New("the job was cancelled")

// Extender is a lease.
type Extender interface {
	Extend(ctx context.Context) error
}

// Keep extends a lease three times in each ackWait, as long as alive reports that the
// work goes on, until the returned function is called. alive may be nil. An extension
// that fails is no harm: the next one, or another worker, makes good for it.
func Keep(ctx context.Context, lease Extender, ackWait time.Duration, alive func() bool) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(ackWait / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if alive == nil || alive() {
					_ = lease.Extend(ctx)
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}

// Jobs knows the contexts of the work that goes on, by job.
type Jobs struct {
	mu   sync.Mutex
	ends map[string]map[*context.CancelCauseFunc]struct{}
}

// Begin returns a context for work on a job; the caller calls done when it ended.
func (j *Jobs) Begin(ctx context.Context, id string) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ends == nil {
		j.ends = map[string]map[*context.CancelCauseFunc]struct{}{}
	}
	if j.ends[id] == nil {
		j.ends[id] = map[*context.CancelCauseFunc]struct{}{}
	}
	j.ends[id][&cancel] = struct{}{}
	return ctx, func() {
		cancel(nil)
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.ends[id], &cancel)
		if len(j.ends[id]) == 0 {
			delete(j.ends, id)
		}
	}
}

// Cancel ends all work on a job, with the cause [ErrCancelled].
func (j *Jobs) Cancel(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for cancel := range j.ends[id] {
		(*cancel)(ErrCancelled)
	}
}
