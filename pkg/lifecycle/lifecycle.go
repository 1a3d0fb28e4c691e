// Package lifecycle holds the steps in a job's life that more than one service takes:
// failing it, seeing that all its tasks are done, and sweeping up behind it. Each may
// be taken several times, by several services at once, and after a crash at any point
// between its parts.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/faultpoint"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/store"
)

// Fail makes a job failed for the reason err, unless it is final already, tells so, and
// drops its pending work. Finished chunks stay.
func Fail(ctx context.Context, bus *natsq.Bus, st store.Store, id string, err error) error {
	p := fault.ProblemOf(err)
	j, uerr := bus.UpdateJob(ctx, id, func(j *job.Job) error {
		if j.State.Final() {
			return natsq.ErrUnchanged
		}
		now := time.Now().UTC()
		j.State, j.Error, j.Finished = job.Failed, &p, &now
		return nil
	})
	if uerr != nil {
		return fmt.Errorf("fail job %s: %w", id, uerr)
	}
	faultpoint.Hit("fail.after-cas")
	return Settle(ctx, bus, st, j)
}

// Settle sweeps up behind a final job and tells that it has failed. Whoever finds a job
// final settles it: the one who made it final may have died right after, and others may
// have written records or segments since. That it is done, or was cancelled, the api and
// the muxer tell (Finish): NATS lets no other service.
func Settle(ctx context.Context, bus *natsq.Bus, st store.Store, j job.Job) error {
	if j.State != job.Failed {
		return settle(ctx, bus, st, j)
	}
	return Finish(ctx, bus, st, j)
}

// Finish settles a final job and tells how it ended, whichever way. It is the muxer's.
func Finish(ctx context.Context, bus *natsq.Bus, st store.Store, j job.Job) error {
	if !j.State.Final() {
		return nil
	}
	err := bus.PublishEvent(ctx, j, job.EventPrefix+string(j.State))
	faultpoint.Hit("settle.after-event")
	return errors.Join(err, settle(ctx, bus, st, j))
}

func settle(ctx context.Context, bus *natsq.Bus, st store.Store, j job.Job) error {
	if !j.State.Final() {
		return nil
	}
	err := sweep(ctx, bus, st, j)
	faultpoint.Hit("settle.after-sweep")
	return err
}

// Cancelled settles a cancelled job on behalf of a worker that was told to leave it: what
// it had written until then was not yet there when the job was cancelled.
func Cancelled(ctx context.Context, bus *natsq.Bus, st store.Store, id string) error {
	j, err := bus.Job(ctx, id)
	if errors.Is(err, natsq.ErrNoJob) {
		return nil
	} else if err != nil {
		return err
	}
	return Settle(ctx, bus, st, j)
}

// Unknown sweeps up behind a job that is not known any more, because somebody deleted it
// or all jobs: its messages would stay for ever, and so would its segments. What it may
// have made stays.
func Unknown(ctx context.Context, bus *natsq.Bus, st store.Store, id string) error {
	return errors.Join(bus.Forget(ctx, id), DeletePrefix(ctx, st, store.SegmentKey(id, "")))
}

// Complete asks for a job to be muxed when every one of its tasks is done, and tells how
// far the job is. Both sides of the race call it after they wrote their part: the encoder
// its done record, the splitter the number of tasks; the one that comes later sees both.
//
// A job that is final by then is settled: what was written came too late.
func Complete(ctx context.Context, bus *natsq.Bus, st store.Store, id string) error {
	j, err := bus.Job(ctx, id)
	if err != nil {
		return err
	}
	if j.State.Final() {
		return Settle(ctx, bus, st, j)
	}
	done, err := bus.DoneCount(ctx, id)
	if err != nil {
		return err
	}
	bus.PublishProgress(job.Progress{Job: id, State: j.State, Total: j.Frames, Chunks: job.Chunks{
		Total: j.Chunks.Total, Reused: j.Chunks.Reused, Encoded: max(0, done-j.Chunks.Reused),
	}})
	if j.Chunks.Total == 0 || done < j.Chunks.Total {
		return nil
	}
	faultpoint.Hit("complete.before-mux")
	defer faultpoint.Hit("complete.after-mux")
	return bus.EnqueueMux(ctx, j.Spec.Class, id)
}

// Resplit has a job split once more, because something stored was lost: its source is read
// again, every chunk that is well is found in the store, and the others alone are encoded.
// ask gets a message to who has it done: EnqueueSplit of the bus, or for a service that may
// not send that EnqueueMux, upon which the muxer does.
func Resplit(ctx context.Context, bus *natsq.Bus, st store.Store, id string, why error, ask func(context.Context, job.Class, string) error) error {
	j, err := bus.UpdateJob(ctx, id, func(j *job.Job) error {
		if j.State.Final() {
			return natsq.ErrUnchanged
		}
		j.State, j.Plan, j.PlanSHA256, j.Chunks.Total, j.Lost = job.Splitting, "", "", 0, why.Error()
		return nil
	})
	if err != nil || j.State != job.Splitting {
		return err
	}
	if job.KindOf(j.Spec.Source) == job.Stdin {
		return Fail(ctx, bus, st, id, &fault.Error{
			Class: fault.Permanent, Type: "lost-objects", Title: "something stored was lost", Err: why,
			Hint: "standard input can't be read again: run the command again, and all finished chunks are reused",
		})
	}
	_ = ask(ctx, j.Spec.Class, id) // when it fails, the muxer's sweep does it a minute later
	return nil
}

// sweep drops what a job that ended leaves on the queue and in the store: messages,
// records, segments, and the files of muxers that died before theirs counted. Chunks,
// plan and deliverable stay.
func sweep(ctx context.Context, bus *natsq.Bus, st store.Store, j job.Job) error {
	stay := []string{store.PlanKey(j.ID)}
	if j.Output != nil {
		stay = append(stay, j.Output.Key, j.Output.Manifest)
	}
	err := DeletePrefix(ctx, st, store.JobKey(j.ID), stay...)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Type == "store-denied" {
		err = nil // an encoder's key may not delete here: the muxer's sweep does it a minute later
	}
	return errors.Join(bus.Forget(ctx, j.ID), bus.DropSlots(ctx, j), DeletePrefix(ctx, st, store.SegmentKey(j.ID, "")), err)
}

// DeletePrefix deletes all objects under a prefix but those that are to stay.
func DeletePrefix(ctx context.Context, st store.Store, prefix string, stay ...string) error {
	var keys []string
	for o, err := range st.List(ctx, prefix) {
		if err != nil {
			return err
		}
		if !slices.Contains(stay, o.Key) {
			keys = append(keys, o.Key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return st.Delete(ctx, keys...)
}
