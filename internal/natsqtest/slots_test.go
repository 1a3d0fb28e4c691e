package natsqtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/quota"
)

// slotTask makes a task of a tenant, whose jobs may hold so many slots.
func slotTask(tenant, jobID string, i, slots int) queue.Task {
	t := newTask(jobID, queue.Video(i), job.Normal)
	t.Tenant, t.Slots = tenant, slots
	return t
}

// inQueue counts the tasks of jobs that are in the queue, pending or in flight.
func inQueue(t *testing.T, b *natsq.Bus, jobs ...string) (n uint64) {
	t.Helper()
	s := must(js(t, b).Stream(t.Context(), "SEG"))(t)
	for _, id := range jobs {
		info := must(s.Info(t.Context(), jetstream.WithSubjectFilter("seg.*.*."+id+".*")))(t)
		for _, k := range info.State.Subjects {
			n += k
		}
	}
	return n
}

// slotsOf reads what a tenant holds.
func slotsOf(t *testing.T, b *natsq.Bus, tenant string) (s quota.Slots) {
	t.Helper()
	kv := must(js(t, b).KeyValue(t.Context(), "slots"))(t)
	ok(t, json.Unmarshal(must(kv.Get(t.Context(), tenant))(t).Value(), &s))
	return s
}

// Many workers finish the tasks of two tenants at once: the one never has more in the
// queue than it has slots, all of its tasks are done, and the other's as well.
func TestTenantsHoldNoMoreThanTheirSlots(t *testing.T) {
	b := newBus(t)
	const each = 12
	for i := range each {
		for _, task := range []queue.Task{slotTask("a", "A1", i, 3), slotTask("a", "A2", i, 3), slotTask("b", "B1", i, 0)} {
			ok(t, b.PutTask(t.Context(), task))
			ok(t, b.Release(t.Context(), task))
		}
	}
	if a, other := inQueue(t, b, "A1", "A2"), inQueue(t, b, "B1"); a != 3 || other != each {
		t.Fatalf("%d and %d tasks are in the queue, want 3 and %d", a, other, each)
	}
	var mu sync.Mutex
	running, worst, done := 0, 0, map[string]bool{}
	ctx, stop := context.WithTimeout(t.Context(), limit)
	defer stop()
	var all sync.WaitGroup
	for range 8 {
		own := newBusOn(t, b)
		all.Go(func() {
			for {
				l, err := tasks(own)(ctx)
				if err != nil {
					return
				}
				task, mine := l.Task(), 0
				if task.Tenant == "a" {
					mine = 1
				}
				mu.Lock()
				running += mine
				worst = max(worst, running)
				mu.Unlock()
				err = own.RecordAttempt(t.Context(), queue.Attempt{Job: task.Job, Task: task.ID}) // the work
				mu.Lock()
				running -= mine
				done[task.Job+"/"+string(task.ID)] = true
				enough := len(done) == 3*each
				mu.Unlock()
				if err := errors.Join(err, own.Finished(t.Context(), task), l.Ack(t.Context())); err != nil {
					t.Error(err)
				}
				if enough {
					stop()
				}
			}
		})
	}
	all.Wait()
	if len(done) != 3*each || worst > 3 {
		t.Errorf("%d of %d tasks done, at most %d at once", len(done), 3*each, worst)
	}
	if s := slotsOf(t, b, "a"); len(s.Waiting) > 0 || len(s.Held) > 0 {
		t.Errorf("held %v, waiting %v behind the end", s.Held, s.Waiting)
	}
}

// Whoever dies between taking slots and letting tasks into the queue leaves them to the
// next one.
func TestSlotsBehindACrash(t *testing.T) {
	b := newBus(t)
	for i := range 3 {
		ok(t, b.PutTask(t.Context(), slotTask("a", "A", i, 1)))
		ok(t, b.Release(t.Context(), slotTask("a", "A", i, 1)))
	}
	l := must(tasks(b)(within(t, limit)))(t)
	ok(t, b.Finished(t.Context(), l.Task()))
	ok(t, l.Ack(t.Context()))
	// v1 holds the slot by now, and what let it into the queue is lost.
	s := must(js(t, b).Stream(t.Context(), "SEG"))(t)
	ok(t, s.Purge(t.Context()))
	none(t, tasks(b))
	ok(t, b.Finished(t.Context(), l.Task())) // v0's worker died before it acknowledged
	l = must(tasks(b)(within(t, limit)))(t)
	if l.Task().ID != "v1" {
		t.Errorf("leased %s, want v1", l.Task().ID)
	}
}

// A job that ends leaves its slots to others.
func TestSlotsOfAJobThatEnds(t *testing.T) {
	b := newBus(t)
	for _, id := range []string{"A", "B"} {
		for i := range 2 {
			ok(t, b.PutTask(t.Context(), slotTask("a", id, i, 2)))
			ok(t, b.Release(t.Context(), slotTask("a", id, i, 2)))
		}
	}
	ok(t, b.Forget(t.Context(), "A"))
	ok(t, b.DropSlots(t.Context(), job.Job{ID: "A", Tenant: "a", Slots: 2}))
	if n := inQueue(t, b, "B"); n != 2 {
		t.Errorf("%d tasks of the other job are in the queue, want 2", n)
	}
}

// No update of an account is lost, whoever else makes one.
func TestUpdateAccountLosesNothing(t *testing.T) {
	b := newBus(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := b.UpdateAccount(t.Context(), "a", func(a *quota.Account) error {
				a.Open(fmt.Sprint(i), time.Now(), quota.Limits{})
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	oops := errors.New("oops")
	for want, change := range map[error]error{nil: natsq.ErrUnchanged, oops: oops} {
		err := b.UpdateAccount(t.Context(), "a", func(a *quota.Account) error {
			if len(a.Jobs) != 20 {
				t.Errorf("%d jobs, want 20", len(a.Jobs))
			}
			a.Close("0")
			return change
		})
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}
