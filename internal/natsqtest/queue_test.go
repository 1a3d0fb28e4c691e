package natsqtest

import (
	"context"
	"errors"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/queue/natsq"
)

func TestEnqueueIsIdempotentWhilePendingAndInFlight(t *testing.T) {
	b := newBus(t)
	for name, c := range map[string]struct {
		enqueue func() error
		next    func(context.Context) (*natsq.Lease, error)
	}{
		"split": {func() error { return b.EnqueueSplit(t.Context(), job.High, "A") }, natsq.EachClass(b.NextSplit)[0]},
		"mux":   {func() error { return b.EnqueueMux(t.Context(), "", "A") }, natsq.EachClass(b.NextMux)[1]},
		"task":  {func() error { return b.EnqueueTask(t.Context(), newTask("A", "v3", job.Low)) }, tasks(b)},
	} {
		t.Run(name, func(t *testing.T) {
			ok(t, c.enqueue())
			ok(t, c.enqueue()) // pending
			l := must(c.next(within(t, limit)))(t)
			if l.JobID() != "A" || l.Delivered() != 1 {
				t.Errorf("leased job %q, delivery %d", l.JobID(), l.Delivered())
			}
			ok(t, c.enqueue()) // in flight
			none(t, c.next)
			ok(t, l.Ack(t.Context()))
			none(t, c.next)
			ok(t, c.enqueue())
			l = must(c.next(within(t, limit)))(t)
			ok(t, l.Ack(t.Context()))
		})
	}
}

func TestLeaseThatRunsOutGoesToAnother(t *testing.T) {
	b := connect(t, start(t, natsserver.RANDOM_PORT), 400*time.Millisecond)
	ok(t, b.EnqueueTask(t.Context(), newTask("A", "v0", job.Normal)))
	first := must(tasks(b)(within(t, limit)))(t)
	for range 3 { // held beyond its time by extending it
		none(t, tasks(b))
		ok(t, first.Extend(t.Context()))
	}
	second := must(tasks(b)(within(t, limit)))(t)
	if second.Delivered() != 2 || second.Task().ID != "v0" {
		t.Errorf("got task %s, delivery %d", second.Task().ID, second.Delivered())
	}
	ok(t, second.Ack(t.Context()))
	none(t, tasks(b))
}

func TestReturnAndDrop(t *testing.T) {
	b := newBus(t)
	ok(t, b.EnqueueTask(t.Context(), newTask("A", "v0", job.Normal)))
	l := must(tasks(b)(within(t, limit)))(t)
	ok(t, l.Return(t.Context(), 0))
	l = must(tasks(b)(within(t, limit)))(t)
	ok(t, l.Return(t.Context(), 700*time.Millisecond))
	none(t, tasks(b))
	l = must(tasks(b)(within(t, limit)))(t)
	if l.Delivered() != 3 {
		t.Errorf("delivery %d, want 3", l.Delivered())
	}
	ok(t, l.Drop(t.Context(), "not wanted"))
	none(t, tasks(b))
}

func TestTasksGoToWorkersWithTheBuild(t *testing.T) {
	b := newBus(t)
	ok(t, b.EnqueueTask(t.Context(), newTask("A", "v0", job.High)))
	none(t, func(ctx context.Context) (*natsq.Lease, error) { return b.NextTask(ctx, []string{"0ther"}) })
	l := must(b.NextTask(within(t, limit), []string{"0ther", build}))(t)
	if l.Task().ID != "v0" {
		t.Errorf("leased %v", l.Task())
	}
}

func TestUrgentFirstAndAShareForEach(t *testing.T) {
	b := newBus(t)
	for i := range 20 {
		ok(t, b.EnqueueTask(t.Context(), newTask("L", queue.Video(i), job.Low)))
		ok(t, b.EnqueueTask(t.Context(), newTask("N", queue.Video(i), job.Normal)))
		ok(t, b.EnqueueTask(t.Context(), newTask("H", queue.Video(i), job.High)))
	}
	got := ""
	for range 20 {
		got += must(tasks(b)(within(t, limit)))(t).JobID()
	}
	if want := "HHHHHHHLHNHHHHHLHHNH"; got != want {
		t.Errorf("leased %s, want %s", got, want)
	}
}

// Who asks for work of one class gets no other.
func TestWorkOfOneClass(t *testing.T) {
	b := newBus(t)
	ok(t, b.EnqueueSplit(t.Context(), job.Low, "L"))
	none(t, func(ctx context.Context) (*natsq.Lease, error) { return b.NextSplit(ctx, job.High, job.Normal) })
	ok(t, b.EnqueueSplit(t.Context(), job.High, "H"))
	if l := must(b.NextSplit(within(t, limit), job.Low))(t); l.JobID() != "L" {
		t.Errorf("leased %s, want the low one", l.JobID())
	}
}

// A long queue for one build does not keep a worker that has two from the other.
func TestBuildsTakeTurns(t *testing.T) {
	b := newBus(t)
	for i := range 6 {
		first, second := newTask("A", queue.Video(i), job.Normal), newTask("B", queue.Video(i), job.Normal)
		second.Recipe.Encoder = "x" + build
		ok(t, b.EnqueueTask(t.Context(), first))
		if i < 2 {
			ok(t, b.EnqueueTask(t.Context(), second))
		}
	}
	got := ""
	for range 8 {
		l := must(b.NextTask(within(t, limit), []string{build, "x" + build, "0ther"}))(t)
		got += l.JobID()
	}
	if got != "ABABAAAA" {
		t.Errorf("leased %s, want ABABAAAA", got)
	}
}

// lookEvery is how long a worker waits that nothing wakes.
const lookEvery = time.Second

func TestAWaitingWorkerWakesAtOnce(t *testing.T) {
	b := newBus(t)
	other := newBusOn(t, b)
	// A worker may happen to look just when the task comes: not ten times in a row.
	var sum time.Duration
	for i := range 10 {
		got := make(chan time.Time, 1)
		go func() {
			if l, err := tasks(b)(within(t, limit)); err == nil && l.Ack(t.Context()) == nil {
				got <- time.Now()
			}
		}()
		none(t, func(ctx context.Context) (*natsq.Lease, error) { return b.NextTask(ctx, []string{"idle"}) }) // let it wait
		began := time.Now()
		ok(t, other.EnqueueTask(t.Context(), newTask("A", queue.Video(i), job.Low)))
		select {
		case at := <-got:
			sum += at.Sub(began)
		case <-time.After(limit):
			t.Fatal("the worker slept on")
		}
	}
	if mean := sum / 10; mean > lookEvery/4 {
		t.Errorf("workers woke after %v in the mean: they were not poked", mean)
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	b := newBus(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := b.NextSplit(ctx); ended <- err }()
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(limit):
		t.Fatal("still waiting")
	}
}

func TestConsumerDeletedWhileWaiting(t *testing.T) {
	b := newBus(t)
	got := make(chan *natsq.Lease, 1)
	go func() {
		if l, err := b.NextMux(within(t, limit)); err == nil {
			got <- l
		}
	}()
	s := must(js(t, b).Stream(t.Context(), "MUX"))(t)
	eventually(t, "the consumers", func() bool {
		return must(s.Info(t.Context()))(t).State.Consumers == 3
	})
	for name := range s.ConsumerNames(t.Context()).Name() {
		ok(t, s.DeleteConsumer(t.Context(), name))
	}
	ok(t, b.EnqueueMux(t.Context(), job.Normal, "A"))
	select {
	case l := <-got:
		ok(t, l.Ack(t.Context()))
	case <-time.After(limit):
		t.Fatal("the worker does not see the message")
	}
}

func TestResetLeasesFreesWhatADeadProcessHeld(t *testing.T) {
	b := newBus(t)
	ok(t, b.EnqueueTask(t.Context(), newTask("A", "v0", job.Normal)))
	ok(t, b.EnqueueSplit(t.Context(), job.Normal, "A"))
	must(tasks(b)(within(t, limit)))(t)
	must(b.NextSplit(within(t, limit)))(t)
	none(t, tasks(b))
	ok(t, newBusOn(t, b).ResetLeases(t.Context())) // the leases last a minute
	ok(t, must(tasks(b)(within(t, limit)))(t).Ack(t.Context()))
	ok(t, must(b.NextSplit(within(t, limit)))(t).Ack(t.Context()))
	none(t, tasks(b))
}
