package encoder

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/chunk"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/faultpoint"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/lifecycle"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/store"
	"github.com/reweave/reweave/pkg/worker"
)

// maxAttempts is how many tries of a task may fail before its job does, maxDeaths how many
// may end badly in any way. ffmpeg is a child, whose crash is a failure and never takes the
// worker with it: a worker that died was most likely killed for another reason.
const (
	maxAttempts = 3
	maxDeaths   = 10
)

// handle works on one task and settles its lease. It calls free when it needs no core
// any more: storing a chunk and telling of it goes on beside the next encode.
func (s *service) handle(ctx context.Context, lease *natsq.Lease, free func()) {
	t := lease.Task()
	log := s.env.Log.With(zap.String("job", t.Job), zap.String("task", string(t.ID)))
	tctx, done := s.jobs.Begin(ctx, t.Job)
	defer done()
	defer s.doing.begin(t)()
	var beat atomic.Int64 // time of the last new frame
	beat.Store(time.Now().UnixNano())
	alive := func() bool { return time.Since(time.Unix(0, beat.Load())) < s.cfg.Stall }
	stop := worker.Keep(tctx, lease, s.env.Bus.AckWait(), alive)
	err := s.work(tctx, t, func() { beat.Store(time.Now().UnixNano()) }, free)
	stop()
	settle := context.WithoutCancel(ctx)
	switch {
	case errors.Is(context.Cause(tctx), worker.ErrCancelled):
		err = errors.Join(lifecycle.Cancelled(settle, s.env.Bus, s.env.Store, t.Job), lease.Ack(settle))
	case errors.Is(err, natsq.ErrNoJob):
		err = errors.Join(lifecycle.Unknown(settle, s.env.Bus, s.env.Store, t.Job), lease.Ack(settle))
	case err == nil:
		s.passing.Store(0)
		faultpoint.Hit("encoder.before-ack")
		err = lease.Ack(settle)
		faultpoint.Hit("encoder.after-ack")
	case errors.Is(err, errElsewhere):
		err = lease.Return(settle, elsewhereDelay)
		s.rest(ctx, elsewhereRest)
	case ctx.Err() != nil: // told to stop: hand the task back, and say that it was no failure
		s.metrics.tasks.WithLabelValues(t.Recipe.Codec, "returned").Inc()
		err = errors.Join(s.record(settle, t, queue.AttemptRelease, ""), lease.Return(settle, 0))
	default:
		log.Warn("task failed", zap.Error(err))
		s.metrics.tasks.WithLabelValues(t.Recipe.Codec, "failed").Inc()
		trouble := natsq.Passing(err) || fault.Of(err) == fault.Retry && !isType(err, lostSegment)
		err = s.failed(settle, lease, t, err)
		if trouble {
			s.restUp(ctx)
		}
	}
	if err != nil {
		log.Warn("settle task", zap.Error(err)) // it comes back when the lease ends
	}
}

// maxRest bounds the pause of a slot whose tasks fail for what they depend on.
const maxRest = 10 * time.Second

// restUp has a slot pause before its next task, longer each time, when NATS or S3 is in
// trouble: it may be this worker alone, cut off or with its clock wrong, and the task just
// handed back is for others to take.
func (s *service) restUp(ctx context.Context) {
	n := s.passing.Add(1)
	s.rest(ctx, min(time.Duration(n)*time.Second, maxRest))
}

// rest has a slot take nothing for a while.
func (s *service) rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-s.env.Drain:
	case <-time.After(d):
	}
}

// work brings a task to its done record, whatever of it is done already.
func (s *service) work(ctx context.Context, t queue.Task, beat, free func()) error {
	j, err := s.env.Bus.Job(ctx, t.Job)
	if err != nil {
		return err
	}
	if j.State.Final() {
		return lifecycle.Settle(ctx, s.env.Bus, s.env.Store, j)
	}
	if b := j.Builds[t.Recipe.Codec]; b != "" && b != t.Recipe.Encoder {
		return nil // the job was planned anew for another build
	}
	if d, done, err := s.env.Bus.Done(ctx, t.Job, t.ID); err != nil {
		return err
	} else if !done || d.Key != t.Key {
		if done { // of a plan that was given up
			if err := s.env.Bus.DropDone(ctx, t.Job, t.ID); err != nil {
				return err
			}
		}
		d, err := s.make(ctx, t, beat, free)
		if err != nil {
			return err
		}
		faultpoint.Hit("encoder.before-commit")
		if _, err := s.env.Bus.CommitDone(ctx, d); err != nil {
			return err
		}
		faultpoint.Hit("encoder.after-commit")
	}
	// The segment has served. When this fails it is swept at the job's end.
	_ = s.env.Store.Delete(ctx, t.Source)
	faultpoint.Hit("encoder.after-delete-segment")
	return s.advance(ctx, t)
}

// make returns the record of the task's chunk, which it finds in the store or encodes.
func (s *service) make(ctx context.Context, t queue.Task, beat, free func()) (queue.Done, error) {
	if d, found, err := s.find(ctx, t); err != nil || found {
		return d, err
	}
	alone, err := s.admit(ctx, t)
	if err != nil {
		return queue.Done{}, err
	}
	give, err := s.reserve(ctx, t, alone, beat)
	if err != nil {
		return queue.Done{}, err
	}
	defer give()
	if err := s.record(ctx, t, queue.AttemptStart, ""); err != nil {
		return queue.Done{}, err
	}
	faultpoint.Hit("encoder.after-start")
	dir, remove, err := s.scratch.Dir("encode-" + t.Job + "-" + string(t.ID))
	if err != nil {
		return queue.Done{}, err
	}
	defer remove()
	segment, out := filepath.Join(dir, "segment"), filepath.Join(dir, "chunk.mp4")
	if err := s.fetch(ctx, t, segment); err != nil {
		// Another worker may have finished the same content, and so deleted its source.
		if d, found, ferr := s.find(ctx, t); ferr == nil && found {
			return d, nil
		}
		return queue.Done{}, err
	}
	start := time.Now()
	r, err := s.run(ctx, t, segment, out, beat)
	if err != nil {
		return queue.Done{}, s.hungry(ctx, t, err)
	}
	free()
	s.learn(ctx, t, r.PeakMemory, false)
	faultpoint.Hit("encoder.before-put-chunk")
	if err := s.keep(ctx, t, r, out); err != nil {
		return queue.Done{}, err
	}
	faultpoint.Hit("encoder.after-put-chunk")
	s.metrics.tasks.WithLabelValues(t.Recipe.Codec, "encoded").Inc()
	s.metrics.seconds.WithLabelValues(t.Recipe.Codec).Observe(time.Since(start).Seconds())
	s.metrics.frames.Add(float64(t.Frames))
	s.metrics.cpu.Add(r.CPUSeconds)
	return queue.Done{
		Job: t.Job, Task: t.ID, Key: t.Key, SHA256: r.SHA256, Bytes: r.Bytes, Frames: t.Frames, Pixels: r.Pixels,
		CPUSeconds: r.CPUSeconds, Worker: s.me.ID, At: time.Now().UTC(),
	}, nil
}

// find looks for the task's chunk in the store.
func (s *service) find(ctx context.Context, t queue.Task) (queue.Done, bool, error) {
	info, err := s.env.Store.Stat(ctx, store.ChunkKey(t.Key))
	if errors.Is(err, store.ErrNotFound) || err == nil && info.Meta["sha256"] == "" {
		return queue.Done{}, false, nil
	} else if err != nil {
		return queue.Done{}, false, err
	}
	s.metrics.tasks.WithLabelValues(t.Recipe.Codec, "reused").Inc()
	return queue.Done{
		Job: t.Job, Task: t.ID, Key: t.Key, SHA256: info.Meta["sha256"], Bytes: info.Size, Frames: t.Frames,
		Pixels: info.Meta["pixels"], Reused: true, Worker: s.me.ID, At: time.Now().UTC(),
	}, true, nil
}

// lostSegment is the type of the problem that a stored segment is gone or damaged.
const lostSegment = "lost-segment"

// fetch copies the segment into a file and checks its digest.
func (s *service) fetch(ctx context.Context, t queue.Task, file string) error {
	err := store.Fetch(ctx, s.env.Store, t.Source, t.SHA256, file)
	if errors.Is(err, store.ErrDigest) || errors.Is(err, store.ErrNotFound) {
		return &fault.Error{
			Class: fault.Retry, Type: lostSegment, Where: place(t), Title: "the stored segment is missing or damaged", Err: err,
		}
	}
	return err
}

// run encodes, and kills an encode that makes no progress.
func (s *service) run(ctx context.Context, t queue.Task, segment, out string, beat func()) (chunk.Result, error) {
	if t.ID.IsAudio() {
		return s.encode.EncodeAudio(ctx, t, segment, out)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := &fault.Error{
		Class: fault.Permanent, Type: "encoder-stalled", Where: place(t),
		Title: fmt.Sprintf("the encoder gave no new frame for %s", s.cfg.Stall),
	}
	watch := time.AfterFunc(s.cfg.Stall, func() { cancel(stalled) })
	defer watch.Stop()
	return s.encode.Encode(ctx, t, segment, out, func(frames int) {
		watch.Reset(s.cfg.Stall)
		beat()
		s.report(t, frames)
	})
}

// advance releases the task a window ahead, and sees whether the job is complete.
func (s *service) advance(ctx context.Context, t queue.Task) error {
	if !t.ID.IsAudio() {
		next, found, err := s.env.Bus.Task(ctx, t.Job, queue.Video(t.ID.Index()+t.Window))
		if err != nil {
			return err
		}
		if found {
			if _, done, err := s.env.Bus.Done(ctx, t.Job, next.ID); err != nil {
				return err
			} else if !done {
				faultpoint.Hit("encoder.before-release")
				if err := s.env.Bus.Release(ctx, next); err != nil {
					return err
				}
				faultpoint.Hit("encoder.after-release")
			}
		}
	}
	// Behind that release: the next one waits already where its tenant has no slot free.
	if err := s.env.Bus.Finished(ctx, t); err != nil {
		return err
	}
	if err := lifecycle.Complete(ctx, s.env.Bus, s.env.Store, t.Job); err != nil {
		return err
	}
	s.report(t, t.Frames)
	return nil
}

// report tells how far the task is.
func (s *service) report(t queue.Task, frames int) {
	s.env.Bus.PublishProgress(job.Progress{
		Job: t.Job, State: job.Encoding, Worker: s.me.ID, Task: string(t.ID), TaskFrames: frames, TaskTotal: t.Frames,
	})
	s.doing.frames(t, frames)
}
