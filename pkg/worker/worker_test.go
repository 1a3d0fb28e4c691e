package worker_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reweave/reweave/pkg/worker"
)

// lease counts its extensions and fails each second one.
type lease struct{ n atomic.Int64 }

func (l *lease) Extend(context.Context) error {
	if l.n.Add(1)%2 == 0 {
		return errors.New("no answer")
	}
	return nil
}

// pass lets time go by in a bubble.
func pass(d time.Duration) { <-time.After(d) }

func TestKeepExtendsThreeTimesInEachWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lease
		stop := worker.Keep(t.Context(), &l, 30*time.Second, nil)
		pass(9 * time.Second)
		if n := l.n.Load(); n != 0 {
			t.Errorf("%d extensions after 9 s", n)
		}
		pass(92 * time.Second)
		if n := l.n.Load(); n != 10 {
			t.Errorf("%d extensions in 101 s, though some failed", n)
		}
		stop()
		pass(time.Minute)
		if n := l.n.Load(); n != 10 {
			t.Errorf("%d extensions after the end", n)
		}
	})
}

func TestKeepLetsGoOfWorkThatStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lease
		var alive atomic.Bool
		alive.Store(true)
		stop := worker.Keep(t.Context(), &l, 30*time.Second, alive.Load)
		defer stop()
		pass(31 * time.Second)
		alive.Store(false)
		pass(time.Minute)
		if n := l.n.Load(); n != 3 {
			t.Errorf("%d extensions, want the 3 while it was alive", n)
		}
		alive.Store(true)
		pass(10 * time.Second)
		if n := l.n.Load(); n != 4 {
			t.Errorf("%d extensions, want one more when it went on", n)
		}
	})
}

func TestKeepEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lease
		ctx, cancel := context.WithCancel(t.Context())
		stop := worker.Keep(ctx, &l, 30*time.Second, nil)
		cancel()
		pass(time.Minute)
		stop()
		if n := l.n.Load(); n != 0 {
			t.Errorf("%d extensions", n)
		}
	})
}

func TestCancelEndsTheWorkOfOneJob(t *testing.T) {
	var jobs worker.Jobs
	a1, doneA1 := jobs.Begin(t.Context(), "a")
	a2, doneA2 := jobs.Begin(t.Context(), "a")
	b, doneB := jobs.Begin(t.Context(), "b")
	defer doneB()
	doneA1()
	if a1.Err() == nil || errors.Is(context.Cause(a1), worker.ErrCancelled) {
		t.Errorf("work that is done ends with %v", context.Cause(a1))
	}
	jobs.Cancel("a")
	jobs.Cancel("a")
	jobs.Cancel("nobody's")
	if !errors.Is(context.Cause(a2), worker.ErrCancelled) {
		t.Errorf("cancelled work ends with %v", context.Cause(a2))
	}
	if b.Err() != nil {
		t.Errorf("another job's work ends with %v", context.Cause(b))
	}
	doneA2()
	again, done := jobs.Begin(t.Context(), "a") // a job may be tried again
	defer done()
	if again.Err() != nil {
		t.Error("new work of the job is cancelled from the beginning")
	}
}

func TestJobsManyAtOnce(t *testing.T) {
	var jobs worker.Jobs
	finished := make(chan bool)
	const n = 50
	for range n {
		go func() {
			ctx, done := jobs.Begin(t.Context(), "a")
			defer done()
			<-ctx.Done()
			finished <- errors.Is(context.Cause(ctx), worker.ErrCancelled)
		}()
	}
	for ended := 0; ended < n; {
		jobs.Cancel("a")
		select {
		case ok := <-finished:
			if ended++; !ok {
				t.Fatal("work ended with another cause")
			}
		default:
		}
	}
}
