package muxer

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/lifecycle"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/store"
)

// redo drops what is lost and has the job split again: the source is read once more,
// every chunk that is well is found in the store, and the lost ones alone are encoded.
func (s *service) redo(ctx context.Context, id string, lost *lostChunks) error {
	for _, t := range lost.tasks {
		s.lost.Inc()
		d, found, err := s.env.Bus.Done(ctx, id, t)
		if err != nil {
			return err
		}
		if found && d.Key != "" {
			if err := s.env.Store.Delete(ctx, store.ChunkKey(d.Key)); err != nil {
				return err
			}
		}
		if err := s.env.Bus.DropDone(ctx, id, t); err != nil {
			return err
		}
	}
	return lifecycle.Resplit(ctx, s.env.Bus, s.env.Store, id, lost)
}

// settleAge is how long ago a job may have ended to be settled by the sweep. It is shorter
// than events are kept, so that none is published twice.
const settleAge = 24 * time.Hour

// sweep looks at jobs that rest for as long as two leases. Of those that run it sends
// again what may have been lost when a service died between changing a job and sending
// the message that goes with it. Those that ended it settles, once in its life, for the
// same reason.
func (s *service) sweep(ctx context.Context) {
	settled := map[string]bool{}
	every := s.cfg.Sweep
	if every <= 0 {
		every = 30 * time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		jobs, err := s.env.Bus.Jobs(ctx)
		for _, j := range jobs {
			if time.Since(j.Updated) < 2*s.env.Bus.AckWait() || settled[j.ID] {
				continue
			}
			if !j.State.Final() {
				err = errors.Join(err, s.nudge(ctx, j))
				continue
			}
			if time.Since(j.Updated) > settleAge {
				continue
			}
			serr := lifecycle.Settle(ctx, s.env.Bus, s.env.Store, j)
			settled[j.ID], err = serr == nil, errors.Join(err, serr)
		}
		if err != nil && ctx.Err() == nil {
			s.env.Log.Warn("sweep", zap.Error(err))
		}
	}
}

// nudge sends the message that a job waits for. Where it is pending or somebody works on
// it already, that changes nothing.
func (s *service) nudge(ctx context.Context, j job.Job) error {
	switch j.State {
	case job.Queued, job.Splitting:
		return s.env.Bus.EnqueueSplit(ctx, j.Spec.Class, j.ID)
	case job.Muxing:
		return s.env.Bus.EnqueueMux(ctx, j.Spec.Class, j.ID)
	}
	if err := lifecycle.Complete(ctx, s.env.Bus, s.env.Store, j.ID); err != nil {
		return err
	}
	all, err := s.env.Bus.DoneAll(ctx, j.ID)
	if err != nil || len(all) >= j.Chunks.Total {
		return err
	}
	done := map[queue.TaskID]bool{}
	for _, d := range all {
		done[d.Task] = true
	}
	return errors.Join(s.release(ctx, j, done), s.widen(ctx, j, done))
}
