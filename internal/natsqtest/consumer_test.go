package natsqtest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/queue/natsq"
)

// TestConsumersWithoutADirectoryServeOn takes from the server what it keeps of its consumers,
// as it does itself when one is deleted and made anew at the same time: whoever connects then
// has work all the same, with the rights of a service.
func TestConsumersWithoutADirectoryServeOn(t *testing.T) {
	inEachMode(t, func(t *testing.T, server *deployment) {
		t.Helper()
		buses := map[string]*natsq.Bus{}
		for _, who := range services {
			buses[who] = join(t, server, who, zap.NewNop())
		}
		for i, id := range []string{"A", "B"} {
			ok(t, buses["api"].EnqueueSplit(t.Context(), job.Normal, id))
			ok(t, buses["api"].PublishEvent(t.Context(), job.Job{ID: id}, job.EventCancelled))
			ok(t, buses["splitter"].EnqueueMux(t.Context(), job.Normal, id))
			ok(t, buses["splitter"].EnqueueTask(t.Context(), newTask(id, queue.Video(i), job.Normal)))
		}
		take := func(want string) {
			t.Helper()
			for who, next := range nexts(buses) {
				lease, err := next(within(t, limit))
				if err != nil {
					t.Fatalf("%s: %v", who, err)
				}
				if ok(t, lease.Ack(t.Context())); lease.JobID() != want {
					t.Errorf("%s leased work of %s, want %s", who, lease.JobID(), want)
				}
			}
		}
		take("A")
		removed := 0
		for _, stream := range []string{"JOBQ", "SEG", "MUX", "EVENTS"} {
			dirs := must(filepath.Glob(filepath.Join(server.StoreDir(), "*", "streams", stream, "obs", "*")))(t)
			for _, dir := range dirs {
				ok(t, os.RemoveAll(dir))
				removed++
			}
		}
		if removed < len(services) {
			t.Fatalf("only %d consumers had a directory", removed)
		}
		for _, who := range services {
			buses[who] = join(t, server, who, zap.NewNop())
		}
		take("B")
	})
}

// nexts returns how each service waits for work.
func nexts(buses map[string]*natsq.Bus) map[string]func(context.Context) (*natsq.Lease, error) {
	return map[string]func(context.Context) (*natsq.Lease, error){
		"api": buses["api"].NextHook, "encoder": tasks(buses["encoder"]),
		"splitter": func(ctx context.Context) (*natsq.Lease, error) { return buses["splitter"].NextSplit(ctx) },
		"muxer":    func(ctx context.Context) (*natsq.Lease, error) { return buses["muxer"].NextMux(ctx) },
	}
}

// TestABrokenConsumerOfOtherLeasesIsRefused: work that is extended too seldom would be
// handed out twice.
func TestABrokenConsumerOfOtherLeasesIsRefused(t *testing.T) {
	server := start(t, -1)
	b := connect(t, server, time.Minute)
	ok(t, b.EnqueueSplit(t.Context(), job.Normal, "A"))
	ok(t, must(b.NextSplit(within(t, limit)))(t).Return(t.Context(), 0))
	for _, dir := range must(filepath.Glob(filepath.Join(server.StoreDir(), "*", "streams", "JOBQ", "obs", "*")))(t) {
		ok(t, os.RemoveAll(dir))
	}
	none(t, func(ctx context.Context) (*natsq.Lease, error) { return connect(t, server, time.Hour).NextSplit(ctx) })
	if lease := must(connect(t, server, time.Minute).NextSplit(within(t, limit)))(t); lease.JobID() != "A" {
		t.Errorf("leased %s", lease.JobID())
	}
}
