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

// piece is a piece of work that counts what becomes of it.
type piece struct{ returned *atomic.Int64 }

func (p piece) Return(context.Context, time.Duration) error { p.returned.Add(1); return nil }

// desk hands out work: one piece whenever one is put on it.
type desk struct {
	work              chan piece
	returned, handled atomic.Int64
	busy, most        atomic.Int64
}

func newDesk() *desk { return &desk{work: make(chan piece, 100)} }

func (d *desk) put(n int) {
	for range n {
		d.work <- piece{&d.returned}
	}
}

func (d *desk) next(ctx context.Context) (piece, error) {
	select {
	case p := <-d.work:
		return p, nil
	case <-ctx.Done():
		return piece{}, ctx.Err()
	}
}

// handle takes a minute for each piece.
func (d *desk) handle(context.Context, piece, func()) {
	n := d.busy.Add(1)
	for most := d.most.Load(); n > most && !d.most.CompareAndSwap(most, n); most = d.most.Load() {
	}
	pass(time.Minute)
	d.busy.Add(-1)
	d.handled.Add(1)
}

func TestPoolFillsItsSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, drain := newDesk(), make(chan struct{})
		d.put(7)
		done := make(chan error, 1)
		go func() { done <- worker.Pool[piece]{Slots: 3, Next: d.next, Handle: d.handle}.Run(t.Context(), drain) }()
		pass(3*time.Minute + time.Second)
		if d.handled.Load() != 7 || d.most.Load() != 3 {
			t.Errorf("%d pieces in three minutes, %d at once", d.handled.Load(), d.most.Load())
		}
		close(drain)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A drain lets the work in hand end, and takes no more.
func TestPoolDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, drain := newDesk(), make(chan struct{})
		d.put(1)
		var watching atomic.Bool
		watch := func(ctx context.Context) error {
			watching.Store(true)
			defer watching.Store(false)
			<-ctx.Done()
			return nil
		}
		done := make(chan error, 1)
		go func() {
			done <- worker.Pool[piece]{Slots: 2, Next: d.next, Handle: d.handle, Beside: []func(context.Context) error{watch}}.Run(t.Context(), drain)
		}()
		pass(10 * time.Second)
		close(drain)
		synctest.Wait()
		if !watching.Load() {
			t.Error("nobody watches for news while work is in hand")
		}
		d.put(5)
		start := time.Now()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 50*time.Second || d.handled.Load() != 1 || watching.Load() {
			t.Errorf("it drained in %s with %d pieces done, watching %v", took, d.handled.Load(), watching.Load())
		}
	})
}

// Work that was pulled while the pool drained is handed back.
func TestPoolReturnsWhatItPulledTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, drain := newDesk(), make(chan struct{})
		late := func(ctx context.Context) (piece, error) {
			<-ctx.Done()
			return piece{&d.returned}, nil
		}
		done := make(chan error, 1)
		go func() { done <- worker.Pool[piece]{Slots: 1, Next: late, Handle: d.handle}.Run(t.Context(), drain) }()
		synctest.Wait()
		close(drain)
		if err := <-done; err != nil || d.returned.Load() != 1 || d.handled.Load() != 0 {
			t.Errorf("%d returned, %d handled, %v", d.returned.Load(), d.handled.Load(), err)
		}
	})
}

func TestPoolEndsWithItsFirstFailure(t *testing.T) {
	broken := errors.New("no connection")
	fail := func(context.Context) error { return broken }
	idle := newDesk()
	for name, p := range map[string]worker.Pool[piece]{
		"no work to be had": {Next: func(context.Context) (piece, error) { return piece{}, broken }},
		"beside":            {Next: idle.next, Beside: []func(context.Context) error{fail}},
	} {
		if err := p.Run(t.Context(), nil); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPoolEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- worker.Pool[piece]{Next: d.next, Handle: d.handle}.Run(ctx, nil) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%v", err)
		}
	})
}

// Work of one lane goes on while another's slots are all full.
func TestPoolKeepsLanesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, quick, drain := newDesk(), newDesk(), make(chan struct{})
		slow.put(50)
		done := make(chan error, 1)
		p := worker.Pool[piece]{Slots: 2, Handle: slow.handle, Lanes: []func(context.Context) (piece, error){slow.next, quick.next}}
		go func() { done <- p.Run(t.Context(), drain) }()
		pass(time.Second)
		quick.put(2)
		pass(time.Second)
		if n := slow.busy.Load(); n != 4 || len(quick.work) != 0 {
			t.Errorf("%d pieces are done at once, %d of the free lane wait; want 4 and none", n, len(quick.work))
		}
		close(drain)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Work that needs no slot any more goes on beside the next piece, and a drain waits for it.
func TestPoolTakesTheNextBesideTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, drain := newDesk(), make(chan struct{})
		d.put(3)
		var begun, ended atomic.Int64
		handle := func(_ context.Context, _ piece, free func()) {
			begun.Add(1)
			pass(time.Minute)
			free()
			pass(90 * time.Second)
			ended.Add(1)
		}
		done := make(chan error, 1)
		go func() { done <- worker.Pool[piece]{Slots: 1, Next: d.next, Handle: handle}.Run(t.Context(), drain) }()
		pass(time.Minute + time.Second)
		if begun.Load() != 2 {
			t.Errorf("%d pieces begun after a minute, want the second beside the first's rest", begun.Load())
		}
		pass(time.Minute) // the second is freed, and the first's rest not done
		if begun.Load() != 2 || ended.Load() != 0 {
			t.Errorf("%d pieces begun and %d ended after two minutes, want one rest at a time", begun.Load(), ended.Load())
		}
		pass(30 * time.Second)
		if begun.Load() != 3 || ended.Load() != 1 {
			t.Errorf("%d pieces begun and %d ended when the first's rest is done", begun.Load(), ended.Load())
		}
		close(drain)
		if err := <-done; err != nil || ended.Load() != 3 {
			t.Errorf("%d pieces ended behind the drain, %v", ended.Load(), err)
		}
	})
}

// As many rests as are allowed go on beside the next piece, and no more.
func TestPoolBoundsTheRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, drain := newDesk(), make(chan struct{})
		d.put(10)
		handle := func(ctx context.Context, p piece, free func()) { free(); d.handle(ctx, p, free) }
		done := make(chan error, 1)
		go func() {
			done <- worker.Pool[piece]{Slots: 2, Rests: 3, Next: d.next, Handle: handle}.Run(t.Context(), drain)
		}()
		pass(time.Second)
		// The last of each slot is freed, too, and waits to be counted among the rests.
		if n := d.busy.Load(); n != 8 {
			t.Errorf("%d pieces at once, want three rests and one more in two slots", n)
		}
		pass(time.Minute)
		if d.handled.Load() != 8 || d.busy.Load() != 2 {
			t.Errorf("%d pieces done and %d begun after a minute", d.handled.Load(), d.busy.Load())
		}
		close(drain)
		if err := <-done; err != nil || d.handled.Load() != 10 {
			t.Errorf("%d pieces done behind the drain, %v", d.handled.Load(), err)
		}
	})
}
