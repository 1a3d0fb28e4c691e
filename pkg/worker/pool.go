package worker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Returner is a lease that can be handed back.
type Returner interface {
	Return(ctx context.Context, delay time.Duration) error
}

// Pool pulls work and does it, several pieces at once.
type Pool[L Returner] struct {
	// Slots is how many pieces are done at once.
	Slots int
	// Next blocks until there is work, or ctx ends.
	Next func(ctx context.Context) (L, error)
	// Lanes, where there are any, stand in place of Next: each has so many slots of its
	// own, so that work of one kind never waits for another's.
	Lanes []func(ctx context.Context) (L, error)
	// Handle does one piece and settles its lease. It may call free, once, when the rest
	// of it needs no slot: the next piece is then taken beside that rest.
	Handle func(ctx context.Context, lease L, free func())
	// Rests is how many such rests there may be at once beside each slot; 0 stands for 1.
	Rests int
	// Beside runs as long as work is done: watching for news, sweeping. Each ends when
	// its context does.
	Beside []func(ctx context.Context) error
}

// Run works until drain is closed and the work in hand is done, until ctx ends, or until
// pulling or something beside it fails.
func (p Pool[L]) Run(ctx context.Context, drain <-chan struct{}) error {
	g, gctx := errgroup.WithContext(ctx)
	pull, stop := untilDrain(gctx, drain) // one that fails ends all
	defer stop()
	side, endSide := context.WithCancel(gctx)
	defer endSide()
	for _, f := range p.Beside {
		g.Go(func() error { return f(side) })
	}
	var slots sync.WaitGroup
	lanes := p.Lanes
	if len(lanes) == 0 {
		lanes = append(lanes, p.Next)
	}
	for _, next := range lanes {
		for range max(p.Slots, 1) {
			slots.Add(1)
			g.Go(func() error { defer slots.Done(); return p.loop(gctx, pull, next) })
		}
	}
	go func() { slots.Wait(); endSide() }()
	return g.Wait()
}

// loop takes one piece of work after another until pull ends. At the most one is in hand
// beside the rests of those before.
func (p Pool[L]) loop(ctx, pull context.Context, next func(context.Context) (L, error)) error {
	rests := make(chan struct{}, max(p.Rests, 1))
	defer func() {
		for range cap(rests) { // until all are done
			rests <- struct{}{}
		}
	}()
	for {
		lease, err := next(pull)
		switch {
		case err == nil && pull.Err() != nil:
			return lease.Return(context.WithoutCancel(ctx), 0)
		case pull.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("take work: %w", err)
		}
		freed, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			p.Handle(ctx, lease, sync.OnceFunc(func() { close(freed) }))
		}()
		select {
		case <-freed:
			rests <- struct{}{} // the next piece waits for one of them, when there are enough
			go func() { <-ended; <-rests }()
		case <-ended:
		}
	}
}

// untilDrain returns a context that ends with ctx or when drain is closed: the one to
// pull new work with.
func untilDrain(ctx context.Context, drain <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-drain:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
