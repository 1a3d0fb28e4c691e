package natsqtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue/natsq"
)

func TestCreateJobOncePerIdempotencyKey(t *testing.T) {
	b := newBus(t)
	var wg sync.WaitGroup
	var created, ids list[string]
	for i := range 50 {
		wg.Go(func() {
			j, won, err := b.CreateJob(t.Context(), job.Job{ID: fmt.Sprintf("J%02d", i)}, "key with spaces/*.>")
			if err != nil {
				t.Error(err)
			}
			if won {
				created.add(j.ID)
			}
			ids.add(j.ID)
		})
	}
	wg.Wait()
	if n := len(created.all()); n != 1 {
		t.Errorf("%d calls created a job, want 1", n)
	}
	for _, id := range ids.all() {
		if id != ids.all()[0] {
			t.Fatalf("calls returned different jobs: %v", ids.all())
		}
	}
	if jobs := must(b.Jobs(t.Context()))(t); len(jobs) != 1 {
		t.Errorf("%d jobs exist, want 1", len(jobs))
	}
}

func TestCreateJobAfterACallerDiedInBetween(t *testing.T) {
	b := newBus(t)
	first, _, err := b.CreateJob(t.Context(), job.Job{ID: "A"}, "k")
	ok(t, err)
	// The key is claimed, and the job isn't there: as after a crash between the two.
	kv := must(js(t, b).KeyValue(t.Context(), "jobs"))(t)
	ok(t, kv.Purge(t.Context(), first.ID))
	j, won, err := b.CreateJob(t.Context(), job.Job{ID: "B"}, "k")
	ok(t, err)
	if !won || j.ID != "A" {
		t.Errorf("got job %s, created %v; want job A, created", j.ID, won)
	}
}

func TestCreateJobWithoutKey(t *testing.T) {
	b := newBus(t)
	for i, want := range []bool{true, false} {
		j, won, err := b.CreateJob(t.Context(), job.Job{ID: "A"}, "")
		ok(t, err)
		if won != want || j.Revision == 0 {
			t.Errorf("call %d: created %v at revision %d", i, won, j.Revision)
		}
	}
	if _, _, err := b.CreateJob(t.Context(), job.Job{ID: "a.*"}, ""); err == nil {
		t.Error("a job id with a wildcard was taken")
	}
}

func TestUpdateJobLosesNoUpdate(t *testing.T) {
	b := newBus(t)
	created, _, err := b.CreateJob(t.Context(), job.Job{ID: "A"}, "")
	ok(t, err)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := b.UpdateJob(t.Context(), "A", func(j *job.Job) error { j.Frames++; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	j := must(b.Job(t.Context(), "A"))(t)
	if j.Frames != 20 || j.Revision <= created.Revision || j.Updated.IsZero() {
		t.Errorf("got %d frames at revision %d, updated %v", j.Frames, j.Revision, j.Updated)
	}
}

func TestUpdateJobThatChangesNothing(t *testing.T) {
	b := newBus(t)
	created, _, err := b.CreateJob(t.Context(), job.Job{ID: "A"}, "")
	ok(t, err)
	j, err := b.UpdateJob(t.Context(), "A", func(j *job.Job) error { j.Frames = 9; return natsq.ErrUnchanged })
	ok(t, err)
	if j.Frames != 0 || j.Revision != created.Revision {
		t.Errorf("got %d frames at revision %d, want what was there", j.Frames, j.Revision)
	}
	oops := errors.New("oops")
	if _, err := b.UpdateJob(t.Context(), "A", func(*job.Job) error { return oops }); !errors.Is(err, oops) {
		t.Errorf("got %v, want the error of change", err)
	}
	for _, id := range []string{"B", "no.token"} {
		if _, err := b.UpdateJob(t.Context(), id, func(*job.Job) error { return nil }); !errors.Is(err, natsq.ErrNoJob) {
			t.Errorf("job %s: got %v, want ErrNoJob", id, err)
		}
	}
}

func TestJobsAreListedNewestFirst(t *testing.T) {
	b := newBus(t)
	if jobs := must(b.Jobs(t.Context()))(t); len(jobs) != 0 {
		t.Fatalf("a new server has jobs: %v", jobs)
	}
	now := time.Now()
	for i, id := range []string{"B", "A", "C"} {
		_, _, err := b.CreateJob(t.Context(), job.Job{ID: id, Created: now.Add(time.Duration(i) * time.Second)}, id)
		ok(t, err)
	}
	got := ""
	for _, j := range must(b.Jobs(t.Context()))(t) {
		got += j.ID
	}
	if got != "CAB" {
		t.Errorf("got %s, want CAB", got)
	}
}

func TestWatchJobs(t *testing.T) {
	b := newBus(t)
	_, _, err := b.CreateJob(t.Context(), job.Job{ID: "A", State: job.Queued}, "")
	ok(t, err)
	var seen list[job.State]
	inBackground(t, func(ctx context.Context) error {
		return b.WatchJobs(ctx, func(j job.Job) { seen.add(j.State) })
	})
	eventually(t, "the current value", func() bool { return len(seen.all()) == 1 })
	_, err = b.UpdateJob(t.Context(), "A", func(j *job.Job) error { j.State = job.Splitting; return nil })
	ok(t, err)
	eventually(t, "the update", func() bool { s := seen.all(); return len(s) == 2 && s[1] == job.Splitting })
}
