package natsqtest

import (
	"context"
	"errors"
	"testing"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue/natsq"
)

// TestDeletedStreamsComeBack deletes each stream and bucket beside a bus that stays
// connected.
func TestDeletedStreamsComeBack(t *testing.T) {
	b := newBus(t)
	server := js(t, b)
	var names []string
	streams := server.ListStreams(t.Context())
	for info := range streams.Info() {
		names = append(names, info.Config.Name)
	}
	ok(t, streams.Err())
	for _, name := range names {
		ok(t, server.DeleteStream(t.Context(), name))
	}
	eventually(t, "all streams are back", func() bool {
		for _, name := range names {
			if _, err := server.Stream(t.Context(), name); err != nil {
				return false
			}
		}
		return true
	})
	ok(t, b.EnqueueSplit(t.Context(), job.Normal, "A"))
	if lease := must(b.NextSplit(within(t, limit)))(t); lease.JobID() != "A" {
		t.Errorf("leased %s", lease.JobID())
	}
}

// TestAWatchOfADeletedBucketEnds: one that went on would wait for revisions that the new
// bucket has only after as many jobs.
func TestAWatchOfADeletedBucketEnds(t *testing.T) {
	b := newBus(t)
	for _, id := range []string{"A", "B", "C"} {
		_, _, err := b.CreateJob(t.Context(), job.Job{ID: id, State: job.Queued}, "")
		ok(t, err)
	}
	var seen list[string]
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { ended <- b.WatchJobs(ctx, func(j job.Job) { seen.add(j.ID) }) }()
	eventually(t, "the jobs are seen", func() bool { return len(seen.all()) == 3 })
	ok(t, js(t, b).DeleteStream(t.Context(), "KV_jobs"))
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the watch ended as if it was asked to")
		}
	case <-within(t, limit).Done():
		t.Fatal("the watch goes on")
	}
	eventually(t, "the bucket is back", func() bool {
		_, err := b.Job(t.Context(), "A")
		return errors.Is(err, natsq.ErrNoJob)
	})
	inBackground(t, func(ctx context.Context) error { return b.WatchJobs(ctx, func(j job.Job) { seen.add(j.ID) }) })
	_, _, err := b.CreateJob(t.Context(), job.Job{ID: "D", State: job.Queued}, "")
	ok(t, err)
	eventually(t, "the new job is seen", func() bool { all := seen.all(); return all[len(all)-1] == "D" })
}
