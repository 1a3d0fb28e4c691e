package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/reweave/reweave/pkg/job"
)

// inTheMiddle starts a world with a job of many chunks, of which so many encodes were begun.
// The caller ends it, unless there is an error.
func (h *harness) inTheMiddle(ctx context.Context, f fleet, encodes int) (w *world, id string, err error) {
	if w, err = h.newWorld(ctx, f); err != nil {
		return w, "", err
	}
	if err = w.tell("delay", "0.3"); err == nil {
		id, err = w.submit(ctx, h.long, "")
	}
	if err == nil {
		err = w.busy(ctx, id, encodes)
	}
	if err != nil {
		w.end()
	}
	return w, id, err
}

// cancelEverywhere cancels a job in each state that is not final, and submits it again.
func cancelEverywhere(ctx context.Context, h *harness, r *row) error {
	for _, state := range []job.State{job.Queued, job.Splitting, job.Encoding, job.Muxing} {
		if err := h.cancelIn(ctx, state); err != nil {
			return fmt.Errorf("%s: %w", state, err)
		}
		r.times++
	}
	return nil
}

// patient is a fleet whose encoders let an encode hang for a minute.
func patient() fleet {
	return fleet{
		api: 1, splitter: 1, muxer: 1, encoder: 2,
		env: map[string][]string{"encoder": {"REWEAVE_ENCODER_STALL=1m"}},
	}
}

// cancelIn holds a job in a state, cancels it there, lets all go on, and runs it again.
func (h *harness) cancelIn(ctx context.Context, state job.State) error {
	f := patient()
	if state == job.Splitting { // one segment may wait: so without encoders the job stays there
		f.env["splitter"] = []string{"REWEAVE_SPLITTER_AHEAD=1"}
	}
	w, err := h.newWorld(ctx, f)
	if err != nil {
		return err
	}
	defer w.end()
	release, err := w.hold(ctx, state)
	if err != nil {
		return err
	}
	id, err := w.submit(ctx, w.h.short, "")
	if err != nil {
		return err
	}
	if err := w.held(ctx, id, state); err != nil {
		return err
	}
	begin := time.Now()
	if _, err := w.api.Cancel(ctx, id); err != nil {
		return err
	}
	if err := w.quiet(ctx, begin); err != nil {
		return err
	}
	if err := release(); err != nil {
		return err
	}
	if err := errors.Join(w.reach(ctx, id, job.Cancelled), w.clean(ctx, id)); err != nil {
		return err
	}
	_, err = w.encode(ctx, w.h.short)
	return err
}

// cancelLimit is how long after the order to cancel the last ffmpeg may live.
const cancelLimit = time.Second

// quiet waits until no ffmpeg works for this world, and wants that in time.
func (w *world) quiet(ctx context.Context, begin time.Time) error {
	err := await(ctx, jobLimit, "the end of ffmpeg", func() (bool, error) {
		lines, err := w.orphans()
		return len(lines) == 0, err
	})
	if took := time.Since(begin); err == nil && took > cancelLimit {
		err = fmt.Errorf("ffmpeg lived for %s behind the order to cancel", took.Round(time.Millisecond))
	}
	return err
}

// hold makes jobs stay in a state until release is called.
func (w *world) hold(ctx context.Context, state job.State) (release func() error, err error) {
	switch state {
	case job.Queued:
		w.services["splitter0"].proc.kill()
		return func() error { return w.start("splitter0") }, nil
	case job.Splitting:
		w.services["encoder0"].proc.kill()
		w.services["encoder1"].proc.kill()
		return func() error { return errors.Join(w.start("encoder0"), w.start("encoder1")) }, nil
	case job.Encoding:
		// Every encode but one is done at once, and that one never.
		return func() error { return w.tell("poison", "") }, w.tell("poison", poisoned+" hang")
	}
	_, err = w.arm(ctx, "muxer0", "muxer.after-claim")
	w.services["muxer0"].proc.ended.Store(true) // it is meant to die, and to stay dead
	return func() error { return w.start("muxer0") }, err
}

// held waits until a job is in its state for good.
func (w *world) held(ctx context.Context, id string, state job.State) error {
	if err := w.reach(ctx, id, state); err != nil {
		return err
	}
	switch state {
	case job.Encoding:
		return await(ctx, jobLimit, "the encode that hangs", func() (bool, error) {
			tasks, err := w.encodes(id)
			return tasks[poisoned] > 0, err
		})
	case job.Muxing:
		<-w.services["muxer0"].proc.gone
	}
	return nil
}

// dieCancelling kills the api between the change of a job's state and all that follows;
// the client asks again.
func dieCancelling(ctx context.Context, h *harness, r *row) error {
	w, err := h.newWorld(ctx, patient())
	if err != nil {
		return err
	}
	defer w.end()
	release, err := w.hold(ctx, job.Encoding)
	if err != nil {
		return err
	}
	id, err := w.submit(ctx, h.short, "")
	if err != nil {
		return err
	}
	dead, err := w.arm(ctx, "api0", "api.after-cancel-cas")
	if err != nil {
		return err
	}
	if err := w.held(ctx, id, job.Encoding); err != nil {
		return err
	}
	cancelled := make(chan error, 1)
	go func() {
		_, cerr := w.api.Cancel(ctx, id)
		cancelled <- cerr
	}()
	r.times++
	if err := errors.Join(dead(), w.revive(), <-cancelled, w.clean(ctx, id), release()); err != nil {
		return err
	}
	_, err = w.encode(ctx, h.short)
	return err
}

// dieFailing kills the encoder that has just made a job failed.
func dieFailing(ctx context.Context, h *harness, r *row) error {
	w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 1})
	if err != nil {
		return err
	}
	defer w.end()
	dead, err := w.arm(ctx, "encoder0", "fail.after-cas")
	if err != nil {
		return err
	}
	if err := w.tell("poison", poisoned+" exit"); err != nil {
		return err
	}
	id, err := w.submit(ctx, h.short, "")
	if err != nil {
		return err
	}
	if err := dead(); err != nil {
		return err
	}
	r.times, r.max = 1, 2
	return errors.Join(w.revive(), w.reach(ctx, id, job.Failed), w.clean(ctx, id), w.count(r, id), w.recovers(ctx))
}

// jobsOn runs several jobs at once on so many workers, and lets none wait for ever.
func jobsOn(jobs, workers int) func(context.Context, *harness, *row) error {
	return func(ctx context.Context, h *harness, r *row) error {
		w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: workers})
		if err != nil {
			return err
		}
		defer w.end()
		var ids []string
		for range jobs {
			id, err := w.submit(ctx, h.short, "")
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		r.times = jobs
		// Jobs at once may each encode what the others do: nothing is known yet.
		return errors.Join(w.finish(ctx, ids...), w.intact(ctx, h.short, ids...), w.count(r, ids...))
	}
}

// submitAtOnce sends one submission, with one key, fifty times at the same time.
func submitAtOnce(ctx context.Context, h *harness, r *row) error {
	w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2})
	if err != nil {
		return err
	}
	defer w.end()
	spec, err := w.upload(ctx, h.short)
	if err != nil {
		return err
	}
	r.times = 50
	ids, errs := make([]string, r.times), make([]error, r.times)
	var all sync.WaitGroup
	for i := range r.times {
		all.Go(func() {
			j, serr := w.api.Submit(ctx, spec, "fifty")
			ids[i], errs[i] = j.ID, serr
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, id := range ids {
		if id != ids[0] {
			return fmt.Errorf("there are two jobs: %s and %s", ids[0], id)
		}
	}
	jobs, err := w.bus.Jobs(ctx)
	if err == nil && len(jobs) != 1 {
		err = fmt.Errorf("there are %d jobs", len(jobs))
	}
	return errors.Join(err, w.finish(ctx, ids[0]), w.intact(ctx, h.short, ids[0]), w.count(r, ids[0]))
}
