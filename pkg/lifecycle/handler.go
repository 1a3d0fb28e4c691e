package lifecycle

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/faultpoint"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/store"
	"github.com/reweave/reweave/pkg/worker"
)

// Handler does work that concerns a whole job, splitting or muxing, and settles its lease.
type Handler struct {
	Bus   *natsq.Bus
	Store store.Store
	Log   *zap.Logger
	Jobs  *worker.Jobs
	// Service names the fault points.
	Service string
	// Tries is how often work is tried before its job fails, when nothing says that
	// trying again is of no use, or that NATS or S3 is away.
	Tries int
}

// maxDelay bounds the time between two tries.
const maxDelay = 10 * time.Second

// passing reports whether an error is of something we depend on, and so no reason to
// give up: deliveries count up while it is away.
func passing(err error) bool { return fault.Of(err) == fault.Retry || natsq.Passing(err) }

// Handle does the work and reports whether it was done. Work that failed is tried again
// a little later, or its job fails; work that was cut short is handed back.
func (h *Handler) Handle(ctx context.Context, lease *natsq.Lease, do func(ctx context.Context, id string) error) bool {
	id := lease.JobID()
	log := h.Log.With(zap.String("job", id))
	jctx, done := h.Jobs.Begin(ctx, id)
	defer done()
	stop := worker.Keep(jctx, lease, h.Bus.AckWait(), nil)
	failure := do(jctx, id)
	stop()
	var err error
	settle := context.WithoutCancel(ctx)
	switch {
	case errors.Is(context.Cause(jctx), worker.ErrCancelled):
		err = errors.Join(Cancelled(settle, h.Bus, h.Store, id), lease.Ack(settle))
	case errors.Is(failure, natsq.ErrNoJob):
		err = errors.Join(Unknown(settle, h.Bus, h.Store, id), lease.Ack(settle))
	case failure == nil:
		faultpoint.Hit(h.Service + ".before-ack")
		err = lease.Ack(settle)
		faultpoint.Hit(h.Service + ".after-ack")
	case ctx.Err() != nil:
		err = lease.Return(settle, 0)
	case fault.Of(failure) == fault.User, fault.Of(failure) == fault.Permanent, lease.Delivered() >= h.Tries && !passing(failure):
		log.Warn("job failed", zap.Error(failure))
		if err = Fail(settle, h.Bus, h.Store, id, failure); err == nil {
			err = lease.Ack(settle)
		}
	default:
		log.Warn("try again later", zap.Error(failure))
		err = lease.Return(settle, min(time.Duration(lease.Delivered())*time.Second, maxDelay))
	}
	if err != nil {
		log.Warn("settle job", zap.Error(err)) // its message comes back when the lease ends
	}
	return failure == nil
}
