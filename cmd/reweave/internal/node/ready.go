package node

import (
	"context"
	"sync"
)

// readiness waits until every service has said once that it serves.
type readiness struct {
	mu      sync.Mutex
	waiting map[string]bool
	all     chan struct{}
}

func newReadiness(names []string) *readiness {
	r := &readiness{waiting: map[string]bool{}, all: make(chan struct{})}
	for _, name := range names {
		if isService(name) {
			r.waiting[name] = true
		}
	}
	if len(r.waiting) == 0 {
		close(r.all)
	}
	return r
}

// set records what a service says of itself.
func (r *readiness) set(name, problem string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if problem != "" || !r.waiting[name] {
		return
	}
	delete(r.waiting, name)
	if len(r.waiting) == 0 {
		close(r.all)
	}
}

func (r *readiness) await(ctx context.Context) error {
	select {
	case <-r.all:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
