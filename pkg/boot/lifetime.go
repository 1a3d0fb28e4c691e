package boot

import (
	"context"
	"os"
	"syscall"
	"time"
)

// lifetime is how a service's end is told: drain closes when it should finish, ctx
// ends when it must stop.
type lifetime struct {
	ctx   context.Context
	drain chan struct{}
	// end stops the service and waits for the watcher of signals.
	end func()
}

// newLifetime watches the signals. The first SIGTERM calls onDrain and closes drain,
// and grace later ctx ends. SIGINT, and any second signal, ends ctx at once.
func newLifetime(signals <-chan os.Signal, grace time.Duration, onDrain func()) *lifetime {
	ctx, cancel := context.WithCancel(context.Background())
	l := &lifetime{ctx: ctx, drain: make(chan struct{})}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		defer cancel()
		var first os.Signal
		select {
		case <-ctx.Done():
			return
		case first = <-signals:
		}
		onDrain()
		close(l.drain)
		if first != syscall.SIGTERM {
			return
		}
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-signals:
		case <-timer.C:
		}
	}()
	l.end = func() { cancel(); <-watched }
	return l
}

// starting returns a context that ends with ctx or when drain closes: while nothing
// is held yet, there is nothing to finish.
func (l *lifetime) starting() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(l.ctx)
	go func() {
		select {
		case <-ctx.Done():
		case <-l.drain:
			cancel()
		}
	}()
	return ctx, cancel
}
