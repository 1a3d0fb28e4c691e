package splitter

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/faultpoint"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/lifecycle"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/source"
	"github.com/reweave/reweave/pkg/store"
)

// work is the splitting of one job.
type work struct {
	*service
	job    job.Job
	again  bool // the job's message was delivered before
	dir    string
	src    *source.Source
	info   media.Source
	tracks tracks
	window int

	queue *placer
	plan  plan.Plan

	sound   *sound  // where the sound comes from another file
	later   float64 // by which that file's clock is moved, in seconds
	splices []splice
	// fixSound are the audio tracks of each edit, where they are wanted.
	fixSound map[int][]media.Stream
}

// split takes a job from its source to its plan.
func (s *service) split(ctx context.Context, id string, again bool) error {
	window, err := s.window(ctx)
	if err != nil {
		return err
	}
	j, err := s.env.Bus.UpdateJob(ctx, id, func(j *job.Job) error { return begin(j, window) })
	if err != nil {
		return err
	}
	if j.State.Final() {
		return lifecycle.Settle(ctx, s.env.Bus, s.env.Store, j)
	}
	if j.State != job.Splitting && j.State != job.Encoding {
		return nil
	}
	if j.State == job.Encoding { // an earlier delivery of this message came to its end
		return s.tell(ctx, j)
	}
	return lost(j, s.read(ctx, j, again))
}

// lost tells of a job that is split again, because something stored was lost, why that can't
// be made again: its source is gone, most likely.
func lost(j job.Job, err error) error {
	if class := fault.Of(err); j.Lost == "" || class != fault.User && class != fault.Permanent {
		return err
	}
	return &fault.Error{
		Class: fault.Permanent, Type: "lost-objects", Title: j.Lost + "; the source is needed to make them again, and can't be used", Err: err,
		Hint: "put the source back where it was and retry the job, or submit it from where it is now: all other chunks are reused",
	}
}

// read reads a job's source to its end, and makes its plan.
func (s *service) read(ctx context.Context, j job.Job, again bool) error {
	dir, remove, err := s.scratch.Dir("split-" + j.ID)
	if err != nil {
		return err
	}
	defer remove()
	w := &work{service: s, job: j, again: again, dir: dir, window: j.Window}
	if w.src, err = s.open.Open(ctx, j, dir); err != nil {
		return err
	}
	defer w.src.Close()
	if err := w.openSound(ctx); err != nil {
		return err
	}
	defer w.closeSound()
	if err := w.prepare(ctx); err != nil {
		return err
	}
	if err := w.cut(ctx); err != nil {
		return err
	}
	if err := w.takeSound(ctx); err != nil {
		return fmt.Errorf("sound.source: %w", err)
	}
	if err := w.placeTracks(ctx); err != nil {
		return err
	}
	return w.finish(ctx)
}

// begin moves a job to splitting. A job that is further on is left as it is, unless it
// came back because a chunk of it was lost.
//
// The window is the job's from then on: tasks of one job with different windows would
// release some twice and others never.
func begin(j *job.Job, window int) error {
	if j.State == job.Splitting && j.Started != nil {
		return natsq.ErrUnchanged
	}
	if j.State != job.Queued && j.State != job.Splitting {
		return natsq.ErrUnchanged
	}
	if j.Window == 0 {
		j.Window = window
	}
	now := time.Now().UTC()
	j.State = job.Splitting
	if j.Started == nil {
		j.Started = &now
	}
	return nil
}

// cut reads the source to its end, handing each segment on as soon as it is known.
func (w *work) cut(ctx context.Context) error {
	same, err := w.same(ctx)
	if err != nil {
		return fmt.Errorf("look for what is the same: %w", err)
	}
	main, err := w.openReel(ctx, w.src, w.info, w.tracks.extracts)
	if err != nil {
		return err
	}
	defer main.close()
	w.plan.TimeBase = main.demux.TimeBase()
	g, gctx := errgroup.WithContext(ctx)
	w.queue = newPlacer(w, g)
	g.Go(func() error { return w.assemble(gctx, main, same) })
	return g.Wait()
}

// lastDuration returns how long the last frame is shown: as the source tells, else as
// long as the nominal rate has it, and at least one tick.
func (w *work) lastDuration(told int64, tb media.Rational) int64 {
	if told > 0 {
		return told
	}
	return max(1, w.plan.Recipe.Rate.Inv().Rescale(1, tb))
}

// finish writes the plan, tells the number of tasks, and sees whether all are done.
func (w *work) finish(ctx context.Context) error {
	w.plan.Segments = w.queue.segments()
	if err := w.plan.Check(); err != nil {
		return err
	}
	b, err := w.plan.Encode()
	if err != nil {
		return err
	}
	sum, _, err := store.Digest(bytes.NewReader(b))
	if err != nil {
		return err
	}
	faultpoint.Hit("splitter.before-plan")
	if err := putBytes(ctx, w.env.Store, store.PlanKey(w.job.ID), b); err != nil {
		return err
	}
	faultpoint.Hit("splitter.after-plan")
	j, err := w.env.Bus.UpdateJob(ctx, w.job.ID, func(j *job.Job) error {
		if j.State != job.Splitting {
			return natsq.ErrUnchanged
		}
		if !maps.Equal(j.Builds, w.job.Builds) {
			return errRepinned
		}
		j.State, j.Plan, j.PlanSHA256, j.Lost = job.Encoding, store.PlanKey(j.ID), sum, ""
		j.Frames, j.Duration, j.Notes = w.plan.Frames(), w.plan.Duration(), w.plan.Notes
		j.Chunks = job.Chunks{Total: w.plan.Tasks(), Reused: w.queue.reusedCount()}
		return nil
	})
	if err != nil {
		return err
	}
	if j.State.Final() {
		return lifecycle.Settle(ctx, w.env.Bus, w.env.Store, j)
	}
	faultpoint.Hit("splitter.after-cas")
	return w.tell(ctx, j)
}

// tell tells that a job is split, and has it muxed where nothing is left to encode.
func (s *service) tell(ctx context.Context, j job.Job) error {
	if err := s.env.Bus.PublishEvent(ctx, j, job.EventSplit); err != nil {
		return err
	}
	faultpoint.Hit("splitter.after-event")
	return lifecycle.Complete(ctx, s.env.Bus, s.env.Store, j.ID)
}
