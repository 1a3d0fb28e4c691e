package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/reweave/reweave/pkg/job"
)

// poisoned is the task that the shim is told to spoil.
const poisoned = "v3"

// poison spoils every encode of one segment: the job fails after three tries and tells
// what, where and why; once the cause is gone, a second submission encodes that segment
// alone.
func poison(how, why string) func(context.Context, *harness, *row) error {
	return func(ctx context.Context, h *harness, r *row) error {
		f := fleet{api: 1, splitter: 1, muxer: 1, encoder: 2}
		if how == "hang" { // elsewhere a busy machine would have it hit what is well
			f.env = map[string][]string{"encoder": {"REWEAVE_ENCODER_STALL=3s"}}
		}
		w, err := h.newWorld(ctx, f)
		if err != nil {
			return err
		}
		defer w.end()
		if err := w.tell("poison", poisoned+" "+how+" 11"); err != nil {
			return err
		}
		id, err := w.submit(ctx, h.short, "")
		if err != nil {
			return err
		}
		if err := w.reach(ctx, id, job.Failed); err != nil {
			return err
		}
		tasks, err := w.encodes(id)
		if err != nil {
			return err
		}
		r.times, r.max = tasks[poisoned], 2 // the first try is no repetition
		if how == "oom" && r.times == 4 {
			r.max++ // beside others it may have been their fault: that try doesn't count
		} else if r.times != 3 {
			return fmt.Errorf("it was tried %d times, want 3", r.times)
		}
		if err := errors.Join(w.blamed(ctx, id, why), w.clean(ctx, id), w.count(r, id)); err != nil {
			return err
		}
		return w.recovers(ctx)
	}
}

// blamed wants a failed job to name segment, frames, time, command and log.
func (w *world) blamed(ctx context.Context, id, why string) error {
	j, err := w.bus.Job(ctx, id)
	if err != nil {
		return err
	}
	text := j.Error.Title + "\n" + j.Error.Detail + "\n" + j.Error.Log
	var errs []error
	for what, pattern := range map[string]string{
		"the segment": `segment 3 \(`, "its frames": `frames \d+ to \d+`, "its time": `near \d`,
		"the command": `ffmpeg -hide_banner .*libx264`, "the reason": regexp.QuoteMeta(why), "the log": `poisoned: `,
		"both workers": `tried 3 times, on \S+ and \S+\)`,
	} {
		if !regexp.MustCompile(pattern).MatchString(text) {
			errs = append(errs, fmt.Errorf("the error does not tell %s: %s", what, text))
		}
	}
	return errors.Join(errs...)
}

// recovers takes the cause away and submits again: what was encoded is reused.
func (w *world) recovers(ctx context.Context) error {
	kept := 0
	for _, err := range w.store.List(ctx, "chunks/") {
		if err != nil {
			return err
		}
		kept++
	}
	if err := w.tell("poison", ""); err != nil {
		return err
	}
	id, err := w.encode(ctx, w.h.short)
	if err != nil {
		return err
	}
	j, err := w.bus.Job(ctx, id)
	if err == nil && (kept == 0 || j.Chunks.Reused != kept) {
		err = fmt.Errorf("of %d finished chunks, %d were reused", kept, j.Chunks.Reused)
	}
	return err
}

// drainWorkers ends the worker that holds a segment in good order, ten times. None of
// it counts as a failure of the segment.
func drainWorkers(ctx context.Context, h *harness, r *row) error {
	w, err := h.newWorld(ctx, fleet{
		api: 1, splitter: 1, muxer: 1, encoder: 1,
		env: map[string][]string{"encoder": {"REWEAVE_DRAIN=100ms", "REWEAVE_ENCODER_STALL=1m"}},
	})
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.tell("poison", poisoned+" hang"); err != nil {
		return err
	}
	id, err := w.submit(ctx, h.short, "")
	if err != nil {
		return err
	}
	for n := 1; n <= 10; n++ {
		if err := await(ctx, jobLimit, "the segment to be held", func() (bool, error) {
			tasks, terr := w.encodes(id)
			return tasks[poisoned] >= n, terr
		}); err != nil {
			return err
		}
		if err := w.services["encoder0"].proc.drain(); err != nil {
			return err
		}
		r.times, r.max = n, n
		if n == 10 {
			err = w.tell("poison", "")
		}
		if err := errors.Join(err, w.start("encoder0")); err != nil {
			return err
		}
	}
	err = errors.Join(w.finish(ctx, id), w.intact(ctx, h.short, id), w.count(r, id))
	if err != nil && strings.Contains(err.Error(), "poison") {
		return fmt.Errorf("the drains poisoned the segment: %w", err)
	}
	return err
}
