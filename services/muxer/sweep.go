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
	return lifecycle.Resplit(ctx, s.env.Bus, s.env.Store, id, errors.New(lost.what()), s.env.Bus.EnqueueSplit) // why is in the log
}

// settleAge is how long ago a job may have ended to be settled by the sweep. It is shorter
// than events are kept, by far more than any clock is off, so that none is published twice.
const settleAge = 24 * time.Hour

// sweeper is what the sweep has seen since it began. How long a thing rests it tells by
// its own clock alone: those of the others may be off.
type sweeper struct {
	*service
	seen     map[string]sighting  // by job
	settled  map[string]uint64    // by job: at which revision
	gone     map[string]time.Time // by job: since when nobody has an encoder build of its
	uploads  time.Time            // when stale uploads were last looked for
	interval time.Duration
	cfg      Config
}

// sighting is a revision of a job, and when it was seen first.
type sighting struct {
	revision uint64
	at       time.Time
}

// sweep looks at jobs that rest for as long as two leases. Of those that run it sends
// again what may have been lost when a service died between changing a job and sending
// the message that goes with it. Those that ended it settles once, for the same reason,
// and again when something is recorded of them: what a worker sent while it was cut off
// arrives late. It also looks after jobs whose encoder left the fleet, and after uploads
// that nobody finished.
func (s *service) sweep(ctx context.Context) {
	w := &sweeper{service: s, seen: map[string]sighting{}, settled: map[string]uint64{}, gone: map[string]time.Time{}, interval: s.cfg.Sweep, cfg: s.cfg}
	if w.interval <= 0 {
		w.interval = 30 * time.Second
	}
	if w.cfg.BuildGone <= 0 {
		w.cfg.BuildGone = 5 * time.Minute
	}
	tick := time.NewTicker(w.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := errors.Join(w.jobs(ctx), w.dropUploads(ctx)); err != nil && ctx.Err() == nil {
			s.env.Log.Warn("sweep", zap.Error(err))
		}
	}
}

// jobs goes through all jobs once.
func (w *sweeper) jobs(ctx context.Context) error {
	jobs, err := w.env.Bus.Jobs(ctx)
	if err != nil {
		return err
	}
	alive, aerr := w.alive(ctx, jobs)
	recorded, rerr := w.env.Bus.Recorded(ctx)
	errs := []error{aerr, rerr}
	for _, j := range jobs {
		if last, ok := w.seen[j.ID]; !ok || last.revision != j.Revision {
			w.seen[j.ID] = sighting{j.Revision, time.Now()}
		}
		rests := time.Since(w.seen[j.ID].at) >= 2*w.env.Bus.AckWait()
		switch {
		case w.settled[j.ID] == j.Revision && !recorded[j.ID]:
		case !j.State.Final() && w.stranded(j, alive):
			errs = append(errs, w.replan(ctx, j, alive))
		case !rests:
		case !j.State.Final():
			errs = append(errs, w.nudge(ctx, j))
		case time.Since(j.Updated) <= settleAge:
			err := lifecycle.Finish(ctx, w.env.Bus, w.env.Store, j)
			if err == nil {
				w.settled[j.ID] = j.Revision
			}
			errs = append(errs, err)
		case recorded[j.ID]:
			errs = append(errs, w.env.Bus.Forget(ctx, j.ID))
		}
	}
	return errors.Join(errs...)
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

var errTasksLost = errors.New("the queue has lost tasks of the job")
