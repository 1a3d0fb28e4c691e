package cache

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Gate is where those who evict say what they are about to delete.
type Gate interface {
	// Condemned returns the chunks that are about to be deleted, and a revision that changes
	// whenever they do.
	Condemned(ctx context.Context) (keys []string, revision uint64, err error)
}

// Claims is what a job needs to claim chunks.
type Claims interface {
	Gate
	// Claim says that a job needs a chunk; ClaimAll says it of thousands by one message.
	Claim(ctx context.Context, jobID, key string) error
	ClaimAll(ctx context.Context, jobID string, keys []string) error
}

const (
	// expires is after what time an eviction is given up that says nothing more: by the
	// clock of each who waits for it, from when that one saw it first.
	expires = 30 * time.Second
	// deleteFor is how long an eviction may take from its announcement on.
	deleteFor = expires / 3
	gatePoll  = 20 * time.Millisecond
)

// Claimer claims chunks for jobs. It is safe for concurrent use.
type Claimer struct {
	bus  Claims
	wait waiter
}

// NewClaimer returns a Claimer.
func NewClaimer(bus Claims) *Claimer { return &Claimer{bus: bus, wait: waiter{gate: bus}} }

// Claim says that a job needs chunks, and returns when none of them is about to be deleted.
// Those that are in the store from then on stay there until the job is forgotten, those
// that are not may be made: so look behind it, never before.
func (c *Claimer) Claim(ctx context.Context, jobID string, keys ...string) (err error) {
	switch len(keys) {
	case 0:
		return nil
	case 1:
		err = c.bus.Claim(ctx, jobID, keys[0])
	default:
		err = c.bus.ClaimAll(ctx, jobID, keys)
	}
	if err != nil {
		return err
	}
	return c.wait.without(ctx, keys)
}

// waiter waits for the ends of evictions. It remembers how long it has known the one that
// goes on, so that of one whose author died the end is awaited once and not for each chunk.
type waiter struct {
	gate Gate

	mu       sync.Mutex
	revision uint64
	since    time.Time
}

// without waits until none of the keys is condemned.
func (w *waiter) without(ctx context.Context, keys []string) error {
	need := make(map[string]bool, len(keys))
	for _, key := range keys {
		need[key] = true
	}
	_, err := w.until(ctx, func(condemned []string) bool {
		return !slices.ContainsFunc(condemned, func(key string) bool { return need[key] })
	})
	return err
}

// until waits until what is condemned fits, or was left by somebody who died. It returns
// the revision that it saw last.
func (w *waiter) until(ctx context.Context, fits func(condemned []string) bool) (uint64, error) {
	for {
		keys, revision, err := w.gate.Condemned(ctx)
		if err != nil {
			return 0, fmt.Errorf("look what is being evicted: %w", err)
		}
		if age := w.age(revision); fits(keys) || age >= expires {
			return revision, nil
		}
		poll := time.NewTimer(gatePoll)
		select {
		case <-ctx.Done():
			poll.Stop()
			return 0, context.Cause(ctx)
		case <-poll.C:
		}
	}
}

// age returns for how long this revision has been the latest one, as far as it was seen.
func (w *waiter) age(revision uint64) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.revision != revision || w.since.IsZero() {
		w.revision, w.since = revision, time.Now()
	}
	return time.Since(w.since)
}
