package encoder

import (
	"context"
	"slices"
	"sync"
)

// ledger keeps account of the memory that a worker's encodes take. Who asks first is
// served first: one that needs much is not passed for ever by those that need little.
type ledger struct {
	// total is what may be used, in bytes; 0 where nobody knows, and then all goes.
	total int64

	mu      sync.Mutex
	used    int64
	running int
	alone   bool // the one that runs is to run alone
	line    []*waiting
}

type waiting struct {
	need   int64
	alone  bool
	served chan struct{}
}

// take waits until need bytes are free, or, with alone, until nothing else runs. What needs
// more than there is runs alone, too. The caller calls give when the encode ended.
func (l *ledger) take(ctx context.Context, need int64, alone bool) (give func(), err error) {
	w := &waiting{need: need, alone: alone || l.total > 0 && need > l.total, served: make(chan struct{})}
	l.mu.Lock()
	l.line = append(l.line, w)
	l.serve()
	l.mu.Unlock()
	select {
	case <-w.served:
		return func() { l.give(w) }, nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-w.served: // it was served meanwhile
		l.back(w)
	default:
		l.line = slices.DeleteFunc(l.line, func(o *waiting) bool { return o == w })
	}
	l.serve()
	return nil, context.Cause(ctx)
}

func (l *ledger) give(w *waiting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.back(w)
	l.serve()
}

func (l *ledger) back(w *waiting) {
	l.used, l.running = l.used-w.need, l.running-1
	l.alone = false
}

// serve lets those in front of the line go on that fit.
func (l *ledger) serve() {
	for len(l.line) > 0 {
		w := l.line[0]
		fits := l.total == 0 || l.used+w.need <= l.total
		if l.running > 0 && (w.alone || l.alone || !fits) {
			return
		}
		l.line = l.line[1:]
		l.used, l.running, l.alone = l.used+w.need, l.running+1, w.alone
		close(w.served)
	}
}

// inUse is what the encodes that run are expected to take, in bytes.
func (l *ledger) inUse() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used
}

// company reports whether more than one encode runs.
func (l *ledger) company() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running > 1
}
