package natsq

import (
	"slices"
	"sync"
)

// wakeups lets many wait for subjects; firing one wakes all of who wait for it. The
// zero value is ready.
type wakeups struct {
	mu      sync.Mutex
	waiting map[chan struct{}][]string // the subjects each waits for
}

// join returns a channel that holds one wake-up, so that one between a look and the
// wait is not lost, and a function to leave.
func (w *wakeups) join(subjects []string) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = map[chan struct{}][]string{}
	}
	w.waiting[c] = subjects
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.waiting, c)
	}
}

func (w *wakeups) fire(subject string) {
	w.each(func(subjects []string) bool { return slices.Contains(subjects, subject) })
}

func (w *wakeups) fireAll() { w.each(func([]string) bool { return true }) }

func (w *wakeups) each(match func([]string) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c, subjects := range w.waiting {
		if match(subjects) {
			select {
			case c <- struct{}{}:
			default: // one is pending already
			}
		}
	}
}
