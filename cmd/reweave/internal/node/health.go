package node

import (
	"context"
	"time"
)

const (
	checkEvery = 5 * time.Second
	checkFor   = 3 * time.Second
)

// checker is what can say whether it works.
type checker interface{ Check(context.Context) error }

// startHealth checks the bus and the store now and then.
func startHealth(ctx context.Context, n *Node) error {
	if n.o.Health == nil {
		return nil
	}
	parts := map[string]checker{"nats": n.bus}
	if s, ok := n.store.(checker); ok {
		parts["s3"] = s
	}
	n.group.Go(func() error {
		tick := time.NewTicker(checkEvery)
		defer tick.Stop()
		for {
			for name, c := range parts {
				n.check(ctx, name, c)
			}
			select {
			case <-tick.C:
			case <-n.drain:
				return nil
			case <-ctx.Done():
				return nil
			}
		}
	})
	return nil
}

func (n *Node) check(ctx context.Context, name string, c checker) {
	ctx, cancel := context.WithTimeout(ctx, checkFor)
	defer cancel()
	problem := ""
	if err := c.Check(ctx); err != nil {
		problem = err.Error()
	}
	n.o.Health.SetProblem(name, problem)
}
