package natsq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/job"
)

// lookEvery bounds the wait for what no poke tells of: a lease that ran out, a return
// whose delay is over, a poke that was lost.
const lookEvery = time.Second

// lane is one consumer: one class of one kind of work, of one encoder build.
type lane struct {
	stream, durable, filter string
	class                   job.Class
}

// NextSplit waits for a job to split, of one of these classes or of any, and leases it.
// It returns ctx.Err() when ctx ends first.
func (b *Bus) NextSplit(ctx context.Context, classes ...job.Class) (*Lease, error) {
	return b.next(ctx, jobLanes(streamSplit, "jobq", classes), []string{"poke.jobq"}, &b.splitTurns)
}

// NextMux waits for a job to mux, of one of these classes or of any, and leases it. It
// returns ctx.Err() when ctx ends first.
func (b *Bus) NextMux(ctx context.Context, classes ...job.Class) (*Lease, error) {
	return b.next(ctx, jobLanes(streamMux, "mux", classes), []string{"poke.mux"}, &b.muxTurns)
}

// EachClass makes of a method that waits for work of classes one for each class.
func EachClass(next func(context.Context, ...job.Class) (*Lease, error)) (each []func(context.Context) (*Lease, error)) {
	for _, class := range job.Classes {
		each = append(each, func(ctx context.Context) (*Lease, error) { return next(ctx, class) })
	}
	return each
}

// NextTask waits for a task for one of these encoder builds and leases it. It
// returns ctx.Err() when ctx ends first.
func (b *Bus) NextTask(ctx context.Context, builds []string) (*Lease, error) {
	var lanes []lane
	var pokes []string
	for _, build := range builds {
		if err := checkBuild(build); err != nil {
			return nil, err
		}
		pokes = append(pokes, "poke.seg."+build)
	}
	for _, class := range job.Classes {
		for _, build := range builds {
			lanes = append(lanes, lane{
				streamTask, "seg-" + string(class) + "-" + build,
				"seg." + string(class) + "." + build + ".>", class,
			})
		}
	}
	return b.next(ctx, lanes, pokes, &b.taskTurns)
}

func jobLanes(stream, kind string, classes []job.Class) []lane {
	if len(classes) == 0 {
		classes = job.Classes
	}
	var lanes []lane
	for _, class := range classes {
		c := string(class)
		lanes = append(lanes, lane{stream, kind + "-" + c, kind + "." + c + ".>", class})
	}
	return lanes
}

// next looks through the lanes until one has a message; between two looks it waits
// for a poke, or for lookEvery.
func (b *Bus) next(ctx context.Context, lanes []lane, pokes []string, turns *turns) (*Lease, error) {
	poked, leave := b.wake.join(pokes)
	defer leave()
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l, err := b.look(ctx, turns.order(lanes), turns)
		if l != nil {
			return l, nil
		}
		if err != nil && ctx.Err() == nil {
			b.log.Warn("can't look for work, trying on", zap.Error(err))
		}
		timer.Reset(lookEvery)
		select {
		case <-ctx.Done():
		case <-poked:
		case <-timer.C:
		}
	}
}

// look returns a lease from the first lane that has a message, or nil.
func (b *Bus) look(ctx context.Context, lanes []lane, turns *turns) (*Lease, error) {
	// A pull that the client sends on once it has reconnected would lease a message
	// to nobody.
	if !b.nc.IsConnected() {
		return nil, nil
	}
	var errs []error
	for _, ln := range lanes {
		l, err := b.pull(ctx, ln)
		if l != nil {
			turns.took(ln)
			return l, nil
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("pull from %s: %w", ln.durable, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// pull leases a message of a lane, or returns nil when it has none. It makes the
// consumer when there is none, also when it was deleted since the last pull.
func (b *Bus) pull(ctx context.Context, ln lane) (*Lease, error) {
	m, err := b.fetch(ctx, ln)
	if err != nil && ctx.Err() == nil {
		b.dropConsumer(ln.durable)
		m, err = b.fetch(ctx, ln)
	}
	if err != nil || m == nil {
		return nil, err
	}
	l, err := newLease(b, m)
	if err != nil { // not written by us: nobody could ever do it
		return nil, errors.Join(err, m.TermWithReason("malformed message"))
	}
	if ctx.Err() != nil { // the caller is gone: give it to the next one at once
		return nil, l.Return(context.WithoutCancel(ctx), 0)
	}
	return l, nil
}

// fetch returns a message of a lane, or nil when it has none now.
func (b *Bus) fetch(ctx context.Context, ln lane) (jetstream.Msg, error) {
	c, err := b.consumer(ctx, ln)
	if err != nil {
		return nil, err
	}
	batch, err := c.FetchNoWait(1)
	if err != nil {
		return nil, err
	}
	for m := range batch.Messages() {
		return m, nil
	}
	return nil, batch.Error()
}
