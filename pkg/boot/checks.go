package boot

import (
	"context"
	"time"
)

// checker is what can say whether it works.
type checker interface {
	Check(ctx context.Context) error
}

// watchHealth checks what the service depends on, at once and then every few
// seconds, until the returned function is called.
func (p *process) watchHealth(nats, s3 checker) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	check := func() {
		p.check(ctx, "nats", nats)
		p.check(ctx, "s3", s3)
	}
	check()
	go func() {
		defer close(done)
		tick := time.NewTicker(checkEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				check()
			}
		}
	}()
	return func() { cancel(); <-done }
}

func (p *process) check(ctx context.Context, component string, c checker) {
	ctx, cancel := context.WithTimeout(ctx, checkFor)
	defer cancel()
	problem := ""
	if err := c.Check(ctx); err != nil {
		problem = err.Error()
	}
	p.health.SetProblem(component, problem)
}
