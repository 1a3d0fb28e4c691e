package lifecycletest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/lifecycle"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/store"
	"github.com/reweave/reweave/pkg/worker"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// limit bounds every wait of these tests; a machine under load needs most of it.
const limit = 20 * time.Second

// world is a bus and a store with one job.
type world struct {
	*testenv.Env
	job job.Job
}

// begin makes a job in a state, with tasks of which done are done, and what belongs to it
// in the store.
func begin(t *testing.T, e *testenv.Env, id string, state job.State, total, done int) world {
	t.Helper()
	ctx := t.Context()
	w := world{Env: e}
	var err error
	w.job, _, err = e.Bus.CreateJob(ctx, job.Job{
		ID: id, State: state, Created: time.Now().UTC(), Spec: job.Spec{Source: "upload:1", Class: job.Normal},
		Chunks: job.Chunks{Total: total}, Plan: store.PlanKey(id),
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range done {
		if _, err := e.Bus.CommitDone(ctx, queue.Done{Job: id, Task: queue.Video(i), Key: "k", Frames: 1}); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{store.SegmentKey(id, "a"), store.SegmentKey(id, "b"), store.PlanKey(id), store.OutputKey(id, "dead", "deliverable.mp4")} {
		if err := e.Store.Put(ctx, key, strings.NewReader("x"), 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w world) now(t *testing.T) job.Job {
	t.Helper()
	j, err := w.Bus.Job(t.Context(), w.job.ID)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// left lists what is in the store of the job.
func (w world) left(t *testing.T) (keys []string) {
	t.Helper()
	for _, prefix := range []string{store.SegmentKey(w.job.ID, ""), store.JobKey(w.job.ID)} {
		for o, err := range w.Store.List(t.Context(), prefix) {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, o.Key)
		}
	}
	return keys
}

// events lists the types of the job's events, once there are n of them.
func (w world) events(t *testing.T, n int) (types []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	enough := errors.New("enough")
	err := w.Bus.Events(ctx, w.job.ID, 0, func(_ uint64, ce []byte) error {
		var e struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(ce, &e); err != nil {
			return err
		}
		if types = append(types, e.Type); len(types) == n {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatalf("%d events %v: %v", len(types), types, err)
	}
	return types
}

// muxing takes the message that asks for a job to be muxed, if there is one.
func (w world) muxing(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	lease, err := w.Bus.NextMux(ctx)
	if err != nil {
		return ""
	}
	if err := lease.Ack(t.Context()); err != nil {
		t.Fatal(err)
	}
	return lease.JobID()
}

func TestLifecycle(t *testing.T) {
	e := testenv.Start(t)
	for name, test := range map[string]func(*testing.T, *testenv.Env){
		"fail": fail, "fail a final job": failFinal, "complete": complete, "complete too late": completeTooLate,
		"resplit": resplit, "delete a prefix": deletePrefix, "handle": handle,
	} {
		t.Run(name, func(t *testing.T) { test(t, e) })
	}
}

// A job that fails says why, keeps its plan, and leaves nothing else behind.
func fail(t *testing.T, e *testenv.Env) {
	t.Helper()
	w := begin(t, e, "fail", job.Encoding, 3, 1)
	why := fault.Userf("no-video", "a.wav", "the source has no video stream", "give one")
	for range 2 { // a second time is no harm
		if err := lifecycle.Fail(t.Context(), e.Bus, e.Store, w.job.ID, why); err != nil {
			t.Fatal(err)
		}
	}
	j := w.now(t)
	if j.State != job.Failed || j.Error == nil || j.Error.Slug() != "no-video" || j.Error.Hint != "give one" || j.Finished == nil {
		t.Errorf("%+v", j)
	}
	if left := w.left(t); !slices.Equal(left, []string{store.PlanKey(w.job.ID)}) {
		t.Errorf("left in the store: %v", left)
	}
	if got := w.events(t, 1); got[0] != job.EventFailed {
		t.Errorf("events %v", got)
	}
	if n, err := e.Bus.DoneCount(t.Context(), w.job.ID); err != nil || n != 0 {
		t.Errorf("%d done records are left, %v", n, err)
	}
}

func failFinal(t *testing.T, e *testenv.Env) {
	t.Helper()
	w := begin(t, e, "done", job.Done, 1, 1)
	if err := lifecycle.Fail(t.Context(), e.Bus, e.Store, w.job.ID, errors.New("too late")); err != nil {
		t.Fatal(err)
	}
	if j := w.now(t); j.State != job.Done || j.Error != nil {
		t.Errorf("%+v", j)
	}
	if err := lifecycle.Fail(t.Context(), e.Bus, e.Store, "nobody's", errors.New("x")); err == nil {
		t.Error("a job that is not there has failed")
	}
}

// The mux message comes when the last task is done, and no earlier.
func complete(t *testing.T, e *testenv.Env) {
	t.Helper()
	w := begin(t, e, "complete", job.Encoding, 2, 1)
	check := func(want string) {
		t.Helper()
		if err := lifecycle.Complete(t.Context(), e.Bus, e.Store, w.job.ID); err != nil {
			t.Fatal(err)
		}
		if got := w.muxing(t); got != want {
			t.Errorf("asked to mux %q, want %q", got, want)
		}
	}
	check("")
	if _, err := e.Bus.CommitDone(t.Context(), queue.Done{Job: w.job.ID, Task: queue.Video(1), Key: "k", Frames: 1}); err != nil {
		t.Fatal(err)
	}
	check(w.job.ID)
	if _, err := e.Bus.UpdateJob(t.Context(), w.job.ID, func(j *job.Job) error { j.Chunks.Total = 0; return nil }); err != nil {
		t.Fatal(err)
	}
	check("") // the number of tasks is not known
}

// A record that comes when the job is final is swept up.
func completeTooLate(t *testing.T, e *testenv.Env) {
	t.Helper()
	w := begin(t, e, "late", job.Cancelled, 2, 2)
	if err := lifecycle.Complete(t.Context(), e.Bus, e.Store, w.job.ID); err != nil {
		t.Fatal(err)
	}
	if n, err := e.Bus.DoneCount(t.Context(), w.job.ID); err != nil || n != 0 || len(w.left(t)) != 1 {
		t.Errorf("%d done records, %v are left, %v", n, w.left(t), err)
	}
	if got := w.muxing(t); got != "" {
		t.Errorf("asked to mux %q", got)
	}
}

func resplit(t *testing.T, e *testenv.Env) {
	t.Helper()
	w := begin(t, e, "resplit", job.Muxing, 2, 2)
	if err := lifecycle.Resplit(t.Context(), e.Bus, e.Store, w.job.ID, errors.New("a chunk was lost"), e.Bus.EnqueueSplit); err != nil {
		t.Fatal(err)
	}
	if j := w.now(t); j.State != job.Splitting || j.Plan != "" || j.Chunks.Total != 0 {
		t.Errorf("%+v", j)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	lease, err := e.Bus.NextSplit(ctx)
	if err != nil || lease.JobID() != w.job.ID {
		t.Fatal(lease, err)
	}
	if err := lease.Ack(t.Context()); err != nil {
		t.Error(err)
	}
}

func deletePrefix(t *testing.T, e *testenv.Env) {
	t.Helper()
	w := begin(t, e, "prefix", job.Encoding, 1, 0)
	stay := store.PlanKey(w.job.ID)
	for range 2 {
		if err := lifecycle.DeletePrefix(t.Context(), e.Store, store.JobKey(w.job.ID), stay); err != nil {
			t.Fatal(err)
		}
	}
	if left := w.left(t); len(left) != 3 || !slices.Contains(left, stay) {
		t.Errorf("left: %v, want the plan and two segments", left)
	}
}

// Work that fails is tried again when that may help, and fails its job when not.
func handle(t *testing.T, e *testenv.Env) {
	t.Helper()
	for i, c := range []struct {
		err   error
		tries int // deliveries until the job is settled
		state job.State
	}{
		{nil, 1, job.Splitting},
		{fault.Userf("no-video", "a", "b", "c"), 1, job.Failed},
		{&fault.Error{Class: fault.Permanent, Title: "never"}, 1, job.Failed},
		{errors.New("who knows"), 2, job.Failed},
	} {
		w := begin(t, e, fmt.Sprintf("handle%d", i), job.Splitting, 0, 0)
		if err := e.Bus.EnqueueSplit(t.Context(), job.Normal, w.job.ID); err != nil {
			t.Fatal(err)
		}
		h := lifecycle.Handler{Bus: e.Bus, Store: e.Store, Log: e.Log, Jobs: &worker.Jobs{}, Service: "test", Tries: 2}
		for n := range c.tries {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			lease, err := e.Bus.NextSplit(ctx)
			cancel()
			if err != nil || lease.JobID() != w.job.ID {
				t.Fatalf("%v: delivery %d: %v, %v", c.err, n+1, lease, err)
			}
			done := h.Handle(t.Context(), lease, func(context.Context, string) error { return c.err })
			if done != (c.err == nil) {
				t.Errorf("%v: done %v", c.err, done)
			}
		}
		if j := w.now(t); j.State != c.state {
			t.Errorf("%v: the job is %s after %d tries, want %s", c.err, j.State, c.tries, c.state)
		}
		if lease := noSplit(t, e.Bus); lease != nil {
			t.Errorf("%v: the message is still there", c.err)
		}
	}
}

func noSplit(t *testing.T, bus *natsq.Bus) *natsq.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	lease, err := bus.NextSplit(ctx)
	if err != nil {
		return nil
	}
	return lease
}
