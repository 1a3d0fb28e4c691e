package natsqtest

import (
	"context"
	"errors"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/oklog/ulid/v2"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/lifecycle"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/services/muxer"
)

// Every service settles a job that it finds ended, whichever way, with the rights that it
// has: a task whose settling is denied comes back for ever. The muxer tells of all of them.
func TestEndedJobsAreSettledWithTheRightsOfEach(t *testing.T) {
	inEachMode(t, endedJobsAreSettled)
}

func endedJobsAreSettled(t *testing.T, server *deployment) {
	t.Helper()
	env := testenv.Start(t)
	var denied denials
	api := join(t, server, "api", denied.logger(t, "api"))
	for _, who := range []string{"splitter", "encoder", "muxer"} {
		bus, st := join(t, server, who, denied.logger(t, who)), env.StoreAs(t, who)
		for _, state := range []job.State{job.Done, job.Failed, job.Cancelled} {
			j, _, err := api.CreateJob(t.Context(), job.Job{ID: ulid.Make().String(), State: state}, "")
			ok(t, err)
			if err := lifecycle.Complete(t.Context(), bus, st, j.ID); err != nil {
				t.Errorf("the %s settles a job that is %s: %v", who, state, err)
			}
			if who != "muxer" {
				continue
			}
			ok(t, lifecycle.Finish(t.Context(), bus, st, j))
			lease, err := api.NextHook(within(t, limit))
			for ; err == nil && lease.JobID() != j.ID; lease, err = api.NextHook(within(t, limit)) {
				ok(t, lease.Ack(t.Context())) // of those that have failed, which all tell
			}
			ok(t, err)
			ok(t, lease.Ack(t.Context()))
		}
	}
	if got := denied.all(); len(got) > 0 {
		t.Errorf("the server denied something to %v; see the log", got)
	}
}

// A question that is asked while NATS is away waits for it and is answered. The client
// asks in an older way then, since it does not know the server's version: the rights hold
// for that, too.
func TestQuestionsWaitForNATS(t *testing.T) { inEachMode(t, questionsWait) }

func questionsWait(t *testing.T, d *deployment) {
	t.Helper()
	also, port := d.also, portOf(t, d.Addr().String())
	d.also = func(o *natsserver.Options) { also(o); o.Port = port }
	buses := map[string]*natsq.Bus{}
	for _, who := range services {
		buses[who] = join(t, d, who, testenv.Logger(t))
	}
	type question struct {
		who string
		ask func(context.Context) error
	}
	for _, q := range []question{
		{"api", func(ctx context.Context) error { _, err := buses["api"].Jobs(ctx); return err }},
		{"api", func(ctx context.Context) error { _, err := buses["api"].Workers(ctx); return err }},
		{"api", func(ctx context.Context) error { _, err := buses["api"].Encoders(ctx); return err }},
		{"splitter", func(ctx context.Context) error { _, err := buses["splitter"].Workers(ctx); return err }},
		{"splitter", func(ctx context.Context) error { _, err := buses["splitter"].Encoders(ctx); return err }},
		{"encoder", func(ctx context.Context) error { _, err := buses["encoder"].Workers(ctx); return err }},
		{"muxer", func(ctx context.Context) error { _, err := buses["muxer"].Jobs(ctx); return err }},
		{"muxer", func(ctx context.Context) error { _, err := buses["muxer"].Workers(ctx); return err }},
	} {
		nc := buses[q.who].Conn()
		d.Shutdown()
		d.WaitForShutdown()
		eventually(t, "the "+q.who+" to miss NATS", nc.IsReconnecting)
		answered := make(chan error, 1)
		go func() { answered <- q.ask(t.Context()) }()
		eventually(t, "the question", func() bool { n, _ := nc.Buffered(); return n > 0 })
		d.start(t)
		if err := <-answered; err != nil && !errors.Is(err, context.DeadlineExceeded) { // a slow machine's server
			t.Errorf("%s: %v", q.who, err)
		}
		eventually(t, "an answer behind that", func() bool { return nc.FlushTimeout(limit) == nil && q.ask(t.Context()) == nil })
		if err := nc.LastError(); errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("the %s is denied what it asked for while NATS was away: %v", q.who, err)
		}
	}
}

// An encoder that finds a segment lost has the job split again, though it may not ask for
// splits: the muxer does at once, not with its next sweep.
func TestALostSegmentIsSplitAgainWithTheRightsOfEach(t *testing.T) { inEachMode(t, lostSegment) }

func lostSegment(t *testing.T, server *deployment) {
	t.Helper()
	env := testenv.Start(t)
	var denied denials
	buses := map[string]*natsq.Bus{}
	for _, who := range services {
		buses[who] = join(t, server, who, denied.logger(t, who))
	}
	inBackground(t, func(ctx context.Context) error {
		b := env.Boot("muxer")
		b.Bus, b.Store = buses["muxer"], env.StoreAs(t, "muxer")
		err := muxer.Run(ctx, muxer.Config{Jobs: 1, Scratch: t.TempDir(), Sweep: time.Hour}, b)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	})
	j, _, err := buses["api"].CreateJob(t.Context(), job.Job{ID: ulid.Make().String(), State: job.Encoding, Spec: job.Spec{Source: "upload:x"}.WithDefaults()}, "")
	ok(t, err)
	ok(t, lifecycle.Resplit(t.Context(), buses["encoder"], env.StoreAs(t, "encoder"), j.ID, errors.New("a segment is lost"), buses["encoder"].EnqueueMux))
	lease, err := buses["splitter"].NextSplit(within(t, limit))
	ok(t, err)
	if ok(t, lease.Ack(t.Context())); lease.JobID() != j.ID {
		t.Errorf("job %s is split again, want %s", lease.JobID(), j.ID)
	}
	if got := denied.all(); len(got) > 0 {
		t.Errorf("the server denied something to %v; see the log", got)
	}
}
