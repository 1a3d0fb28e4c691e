package natsqtest

import (
	"context"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/services/muxer"
)

// TestLateRecordsAreSwept has records of a job arrive when it is over and settled, as those
// that a worker sent while it was cut off do. Those of a job that goes on stay.
func TestLateRecordsAreSwept(t *testing.T) {
	env := testenv.Start(t)
	b := connect(t, start(t, natsserver.RANDOM_PORT), time.Second)
	for id, state := range map[string]job.State{"over": job.Done, "goes-on": job.Encoding} {
		_, _, err := b.CreateJob(t.Context(), job.Job{
			ID: id, State: state, Created: time.Now(), Updated: time.Now(), Chunks: job.Chunks{Total: 2}, Plan: "jobs/" + id + "/plan.json",
		}, "")
		ok(t, err)
	}
	boot := env.Boot("muxer")
	boot.Bus = b
	inBackground(t, func(ctx context.Context) error {
		return muxer.Run(ctx, muxer.Config{Jobs: 1, Scratch: t.TempDir(), Sweep: 20 * time.Millisecond}, boot)
	})
	late := func(id string) {
		task := queue.Video(0)
		ok(t, b.RecordAttempt(t.Context(), queue.Attempt{Job: id, Task: task, Worker: "w", Kind: queue.AttemptRelease}))
		must(b.CommitDone(t.Context(), queue.Done{Job: id, Task: task, Key: "k", Frames: 1}))(t)
		ok(t, b.PutTask(t.Context(), queue.Task{Job: id, ID: task, Class: job.Normal}))
	}
	late("goes-on")
	for range 3 { // the first time it was not settled yet, the others it was
		late("over")
		eventually(t, "what came late is swept", func() bool { return !must(b.Recorded(t.Context()))(t)["over"] })
	}
	n, err := b.DoneCount(t.Context(), "goes-on")
	if err != nil || n != 1 || !must(b.Recorded(t.Context()))(t)["goes-on"] {
		t.Errorf("of the job that goes on, %d done records: %v", n, err)
	}
}
