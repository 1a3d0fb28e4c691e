package natsqtest

import (
	"context"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
)

func portOf(t *testing.T, addr string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	ok(t, err)
	return must(strconv.Atoi(port))(t)
}

func TestEventIsPublishedOnce(t *testing.T) {
	b := newBus(t)
	j := job.Job{ID: "A", State: job.Done, Updated: time.Now().UTC()}
	for range 3 {
		ok(t, b.PublishEvent(t.Context(), j, job.EventDone))
	}
	ok(t, b.PublishEvent(t.Context(), j, job.EventQueued))
	ok(t, b.PublishEvent(t.Context(), job.Job{ID: "B"}, job.EventDone))
	if n := kept(t, b, "A")["EVENTS"]; n != 2 {
		t.Errorf("the job has %d events, want 2", n)
	}
	enough := errors.New("enough")
	var got []event.Event
	err := b.Events(within(t, limit), "A", 0, func(_ uint64, ce []byte) error {
		var e event.Event
		ok(t, e.UnmarshalJSON(ce))
		if got = append(got, e); len(got) == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatalf("got %v, want the error of fn", err)
	}
	e := got[0]
	var data job.Job
	ok(t, e.DataAs(&data))
	ok(t, e.Validate())
	if e.Type() != job.EventDone || e.Source() != "/jobs/A" || e.Subject() != "A" || e.ID() != "A.done" || data.State != job.Done {
		t.Errorf("got event %v", e)
	}
}

func TestEventsReplayAfterAndFollow(t *testing.T) {
	b := newBus(t)
	for _, typ := range []string{job.EventQueued, job.EventSplit} {
		ok(t, b.PublishEvent(t.Context(), job.Job{ID: "A"}, typ))
	}
	var all, rest list[uint64]
	inBackground(t, func(ctx context.Context) error {
		return b.Events(ctx, "", 0, func(seq uint64, _ []byte) error { all.add(seq); return nil })
	})
	eventually(t, "both events", func() bool { return len(all.all()) == 2 })
	inBackground(t, func(ctx context.Context) error {
		return b.Events(ctx, "A", all.all()[0], func(seq uint64, _ []byte) error { rest.add(seq); return nil })
	})
	eventually(t, "the second event", func() bool { return len(rest.all()) == 1 })
	ok(t, b.PublishEvent(t.Context(), job.Job{ID: "A"}, job.EventDone))
	eventually(t, "the new event", func() bool { return len(rest.all()) == 2 && len(all.all()) == 3 })
	if r := rest.all(); r[0] != all.all()[1] || r[1] != all.all()[2] {
		t.Errorf("after %d came %v", all.all()[0], r)
	}
}

func TestProgressReachesWatchers(t *testing.T) {
	b := newBus(t)
	var all, one list[job.Progress]
	inBackground(t, func(ctx context.Context) error { return b.WatchProgress(ctx, "", all.add) })
	inBackground(t, func(ctx context.Context) error { return b.WatchProgress(ctx, "A", one.add) })
	eventually(t, "progress", func() bool { // what comes before the watch is lost
		b.PublishProgress(job.Progress{Job: "A", Frames: 7})
		b.PublishProgress(job.Progress{Job: "B"})
		jobs := map[string]bool{}
		for _, p := range all.all() {
			jobs[p.Job] = true
		}
		return len(jobs) == 2 && len(one.all()) > 0
	})
	for _, p := range one.all() {
		if p.Job != "A" || p.Frames != 7 {
			t.Errorf("got %v", p)
		}
	}
}

func TestCancelReachesWatchers(t *testing.T) {
	b := newBus(t)
	var seen list[string]
	inBackground(t, func(ctx context.Context) error { return b.WatchCancel(ctx, seen.add) })
	eventually(t, "the news", func() bool {
		b.PublishCancel("A")
		return len(seen.all()) > 0
	})
	if seen.all()[0] != "A" {
		t.Errorf("cancelled %v", seen.all())
	}
}

func TestRegistry(t *testing.T) {
	b := newBus(t)
	ctx := t.Context()
	for _, id := range []string{"host-2.local", "host-1.local"} {
		ok(t, b.Announce(ctx, queue.Worker{ID: id, Slots: 2}))
	}
	ws := must(b.Workers(ctx))(t)
	if len(ws) != 2 || ws[0].ID != "host-1.local" || ws[0].Slots != 2 {
		t.Errorf("got workers %v", ws)
	}
	ok(t, b.Retire(ctx, "host-1.local"))
	ok(t, b.Retire(ctx, "never seen"))
	if ws := must(b.Workers(ctx))(t); len(ws) != 1 || ws[0].ID != "host-2.local" {
		t.Errorf("got workers %v after one retired", ws)
	}
	now := time.Now()
	for i, name := range []string{"libx264", "aac"} { // the second one's clock is behind
		ok(t, b.AnnounceEncoder(ctx, queue.Encoder{Name: name, Build: build, Seen: now.Add(-time.Duration(i) * time.Hour)}))
	}
	es := must(b.Encoders(ctx))(t)
	if len(es) != 2 || es[0].Name != "aac" {
		t.Errorf("got encoders %v, want the latest announced first", es)
	}
}

// A dead worker disappears by the server's clock, which no test should wait for a
// minute: what is tested is that the server was told to forget it with its leases.
func TestRegistryForgetsTheDead(t *testing.T) {
	b := connect(t, start(t, natsserver.RANDOM_PORT), 7*time.Second)
	for bucket, want := range map[string]time.Duration{"workers": 7 * time.Second, "encoders": 0, "jobs": 0} {
		kv := must(js(t, b).KeyValue(t.Context(), bucket))(t)
		if ttl := must(kv.Status(t.Context()))(t).TTL(); ttl != want {
			t.Errorf("values of bucket %s live %v, want %v", bucket, ttl, want)
		}
	}
}

// A follower of a cluster that answers for the leader may not know the latest write.
func TestAllReadsAreTheLeaders(t *testing.T) {
	b := newBus(t)
	streams := js(t, b).ListStreams(t.Context())
	n := 0
	for info := range streams.Info() {
		n++
		if info.Config.AllowDirect {
			t.Errorf("stream %s allows direct gets", info.Config.Name)
		}
	}
	if ok(t, streams.Err()); n != 15 {
		t.Errorf("%d streams, want 15", n)
	}
}
