package natsqtest

import (
	"context"
	"errors"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/queue/natsq"
)

// newBusOn opens another bus on the server of b, as another process would.
func newBusOn(t *testing.T, b *natsq.Bus) *natsq.Bus {
	t.Helper()
	other, err := natsq.Connect(t.Context(), natsq.Config{URL: b.Conn().Servers()[0], AckWait: b.AckWait()}, testenv.Logger(t))
	ok(t, err)
	t.Cleanup(other.Close)
	return other
}

// work gives a job some of everything that can be kept about it.
func work(t *testing.T, b *natsq.Bus, jobID string) {
	t.Helper()
	ctx := t.Context()
	_, _, err := b.CreateJob(ctx, job.Job{ID: jobID}, "")
	ok(t, err)
	ok(t, b.EnqueueSplit(ctx, job.High, jobID))
	ok(t, b.EnqueueMux(ctx, job.Low, jobID))
	for _, id := range []queue.TaskID{"v0", "v1", "a0"} {
		task := newTask(jobID, id, job.Normal)
		ok(t, b.PutTask(ctx, task))
		ok(t, b.EnqueueTask(ctx, task))
		ok(t, b.RecordAttempt(ctx, queue.Attempt{Job: jobID, Task: id}))
		_, err := b.CommitDone(ctx, queue.Done{Job: jobID, Task: id})
		ok(t, err)
	}
	ok(t, b.PublishEvent(ctx, job.Job{ID: jobID}, job.EventDone))
}

// kept counts the messages about a job in each stream.
func kept(t *testing.T, b *natsq.Bus, jobID string) map[string]int {
	t.Helper()
	n := map[string]int{}
	for stream, filter := range map[string]string{
		"JOBQ": "jobq.*." + jobID, "SEG": "seg.*.*." + jobID + ".*", "MUX": "mux.*." + jobID,
		"TASKS": "split." + jobID + ".*", "DONE": "done." + jobID + ".*", "ATTEMPTS": "try." + jobID + ".*",
		"EVENTS": "evt." + jobID + ".*",
	} {
		s := must(js(t, b).Stream(t.Context(), stream))(t)
		info := must(s.Info(t.Context(), jetstream.WithSubjectFilter(filter)))(t)
		if len(info.State.Subjects) > 0 {
			n[stream] = len(info.State.Subjects)
		}
	}
	return n
}

func TestForgetLeavesOnlyTheJobAndItsEvents(t *testing.T) {
	b := newBus(t)
	work(t, b, "A")
	work(t, b, "B")
	before := kept(t, b, "B")
	if len(before) != 7 {
		t.Fatalf("the job is in %v, want all seven streams", before)
	}
	ok(t, b.Forget(t.Context(), "A"))
	if left := kept(t, b, "A"); len(left) != 1 || left["EVENTS"] != 1 {
		t.Errorf("left: %v, want the event", left)
	}
	for stream, n := range kept(t, b, "B") {
		if before[stream] != n {
			t.Errorf("another job lost messages from %s", stream)
		}
	}
	must(b.Job(t.Context(), "A"))(t)
}

func TestPurgeWorkKeepsWhatIsDone(t *testing.T) {
	b := newBus(t)
	work(t, b, "A")
	l := must(tasks(b)(within(t, limit)))(t)
	ok(t, b.PurgeWork(t.Context(), "A"))
	left := kept(t, b, "A")
	if left["SEG"]+left["JOBQ"]+left["MUX"] != 0 || left["DONE"] != 3 {
		t.Errorf("left: %v", left)
	}
	ok(t, l.Ack(t.Context())) // of a purged message: no error, as DESIGN §6 has it
	none(t, tasks(b))
}

func TestTaskRecordsLastWins(t *testing.T) {
	b := newBus(t)
	if _, found, err := b.Task(t.Context(), "A", "v0"); found || err != nil {
		t.Fatalf("found %v, %v before it was written", found, err)
	}
	for i := range 3 {
		task := newTask("A", "v0", job.Normal)
		task.Frames = i
		ok(t, b.PutTask(t.Context(), task))
	}
	task, found, err := b.Task(t.Context(), "A", "v0")
	ok(t, err)
	if !found || task.Frames != 2 {
		t.Errorf("found %v with %d frames, want the last", found, task.Frames)
	}
}

func TestNothingButPlainTokensInSubjects(t *testing.T) {
	b := newBus(t)
	ctx := t.Context()
	for _, id := range []string{"", "*", ">", "a.b", "a b", "a\r\nPUB x 0"} {
		bad := newTask("A", "v0", job.Normal)
		bad.Recipe.Encoder = id
		_, _, doneErr := b.Done(ctx, id, "v0")
		_, nextErr := b.NextTask(ctx, []string{id})
		for what, err := range map[string]error{
			"Forget": b.Forget(ctx, id), "PurgeWork": b.PurgeWork(ctx, id), "Done": doneErr, "NextTask": nextErr,
			"EnqueueSplit": b.EnqueueSplit(ctx, job.High, id), "EnqueueMux": b.EnqueueMux(ctx, job.High, id),
			"class": b.EnqueueSplit(ctx, job.Class("x"+id), "A"), "build": b.EnqueueTask(ctx, bad),
			"PutTask": b.PutTask(ctx, newTask("A", queue.TaskID("v"+id), job.Low)), "DropDone": b.DropDone(ctx, id, "v0"),
			"PublishEvent": b.PublishEvent(ctx, job.Job{ID: id}, job.EventDone),
		} {
			if err == nil {
				t.Errorf("%s took %q", what, id)
			}
		}
	}
}

func TestConnectTriesUntilItsContextEnds(t *testing.T) {
	_, err := natsq.Connect(within(t, 700*time.Millisecond), natsq.Config{URL: "nats://127.0.0.1:1"}, testenv.Logger(t))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that the time is over", err)
	}
}

func TestServerThatComesBackEmpty(t *testing.T) {
	s := start(t, natsserver.RANDOM_PORT)
	b, err := natsq.Connect(t.Context(), natsq.Config{URL: s.ClientURL()}, testenv.Logger(t))
	ok(t, err)
	t.Cleanup(b.Close)
	ok(t, b.Check(t.Context()))
	got := make(chan *natsq.Lease, 1)
	go func() {
		if l, err := tasks(b)(within(t, 2*limit)); err == nil {
			got <- l
		}
	}()
	port := s.Addr().String()
	s.Shutdown()
	s.WaitForShutdown()
	eventually(t, "the check to fail", func() bool { return b.Check(t.Context()) != nil })
	start(t, portOf(t, port))
	eventually(t, "the streams to be back", func() bool {
		ctx := within(t, time.Second)
		return b.EnqueueTask(ctx, newTask("A", "v0", job.Normal)) == nil
	})
	select {
	case l := <-got:
		ok(t, l.Ack(t.Context()))
	case <-time.After(limit):
		t.Fatal("the worker does not see the task")
	}
	ok(t, b.Check(t.Context()))
}
