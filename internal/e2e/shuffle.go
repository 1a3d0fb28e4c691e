package e2e

import (
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/reweave/reweave/pkg/boot"
)

// Shuffle wraps a store so that chunks are stored in another order than they were
// finished in: each is held back for a while of its own.
type Shuffle struct {
	Most time.Duration // that a chunk is held back

	mu     sync.Mutex
	random *rand.Rand
	stored []string
}

// NewShuffle returns a Shuffle that holds chunks back for up to most.
func NewShuffle(most time.Duration) *Shuffle {
	return &Shuffle{Most: most, random: rand.New(rand.NewPCG(3, 4))} //nolint:gosec // repeatable
}

// Wrap returns the store as it appears through s; several may be wrapped.
func (s *Shuffle) Wrap(o boot.Objects) boot.Objects { return shuffled{o, s} }

// Stored returns the keys of the chunks in the order in which they were stored.
func (s *Shuffle) Stored() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.stored...)
}

func (s *Shuffle) wait() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(s.random.Int64N(int64(s.Most)))
}

type shuffled struct {
	boot.Objects
	s *Shuffle
}

// Put holds a chunk back, then stores it.
func (o shuffled) Put(ctx context.Context, key string, r io.Reader, size int64, meta map[string]string) error {
	if !strings.HasPrefix(key, "chunks/") {
		return o.Objects.Put(ctx, key, r, size, meta)
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(o.s.wait()): // the delay itself is what is tested, nothing is awaited
	}
	err := o.Objects.Put(ctx, key, r, size, meta)
	if err == nil {
		o.s.mu.Lock()
		defer o.s.mu.Unlock()
		o.s.stored = append(o.s.stored, key)
	}
	return err
}
