package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/reweave/reweave/pkg/job"
)

// twoBuilds runs encoders of two builds of ffmpeg, which make other bytes, side by side.
// Every deliverable is that of one of them as a whole. In the middle of a job the build
// that it began with leaves: the job ends with the other one.
func twoBuilds(ctx context.Context, h *harness, r *row) error {
	w, other, err := h.mixedWorld(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	ids, err := w.submitMany(ctx, h.short, 3)
	if err != nil {
		return err
	}
	if err := w.finish(ctx, ids...); err != nil {
		return err
	}
	for _, id := range ids {
		r.times++
		if err := w.intact(ctx, w.oneOf(ctx, id, h.short, other), id); err != nil {
			return err
		}
	}
	return errors.Join(w.count(r, ids...), w.buildLeaves(ctx, r, other), w.buildReturns(ctx, r, other))
}

// mixedWorld is a world in which encoder1 has another build, and what that makes of the
// short film.
func (h *harness) mixedWorld(ctx context.Context) (w *world, other *film, err error) {
	f := fleet{
		api: 1, splitter: 1, muxer: 1, encoder: 2,
		env: map[string][]string{"muxer": {"REWEAVE_MUXER_BUILD_GONE=1s"}, "encoder": {"REWEAVE_DRAIN=100ms", "REWEAVE_ENCODER_STALL=1m"}},
	}
	if w, err = h.newWorld(ctx, f); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			w.end()
		}
	}()
	dir, err := w.putShim("shim-of-another-build", "37")
	if err != nil {
		return w, nil, err
	}
	w.services["encoder0"].proc.kill()
	s := w.services["encoder1"]
	s.env = append(s.env[:len(s.env):len(s.env)], "PATH="+dir+":"+os.Getenv("PATH"))
	if err := errors.Join(w.retired(ctx, "encoder0"), s.proc.drain(), w.start("encoder1"), w.ready(ctx, fleet{api: 1, encoder: 1})); err != nil {
		return w, nil, err
	}
	alone := *h.short
	alone.want = ""
	if _, err := w.encode(ctx, &alone); err != nil {
		return w, nil, err
	}
	if alone.want == h.short.want {
		return w, nil, errors.New("both builds make the same bytes")
	}
	return w, &alone, errors.Join(w.forgetChunks(ctx), w.start("encoder0"), w.ready(ctx, fleet{api: 1, encoder: 2}))
}

// retired has the fleet know at once that a worker is gone, as it does a minute later.
func (w *world) retired(ctx context.Context, name string) error { return w.bus.Retire(ctx, name) }

// oneOf returns the film whose bytes a job made; the first one when it is neither.
func (w *world) oneOf(ctx context.Context, id string, a, b *film) *film {
	if j, err := w.bus.Job(ctx, id); err == nil && j.Output != nil && j.Output.SHA256 == b.want {
		return b
	}
	return a
}

// submitMany submits a film several times.
func (w *world) submitMany(ctx context.Context, f *film, n int) (ids []string, err error) {
	for range n {
		id, err := w.submit(ctx, f, "")
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// begun submits the short film from a cold cache, every encode of one task held up, and
// returns when all else of it is done, with the encoder that has it and the other one.
func (w *world) begun(ctx context.Context) (id, has, not string, err error) {
	if err := errors.Join(w.forgetChunks(ctx), w.tell("poison", poisoned+" wait")); err != nil {
		return "", "", "", err
	}
	if id, err = w.submit(ctx, w.h.short, ""); err != nil {
		return "", "", "", err
	}
	if err := w.held(ctx, id, job.Encoding); err != nil {
		return "", "", "", err
	}
	j, err := w.bus.Job(ctx, id)
	if err != nil {
		return "", "", "", err
	}
	workers, err := w.bus.Workers(ctx)
	for _, worker := range workers {
		if worker.Encoders["libx264"].Build == j.Builds["libx264"] {
			has = worker.ID
		} else {
			not = worker.ID
		}
	}
	if err == nil && (has == "" || not == "") {
		err = fmt.Errorf("the job is of the build %v, and there are the workers %+v", j.Builds, workers)
	}
	return id, has, not, err
}

// buildLeaves drains the only encoder of the build that a job began with, for good.
func (w *world) buildLeaves(ctx context.Context, r *row, other *film) error {
	id, has, not, err := w.begun(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(w.services[has].proc.drain(), w.tell("poison", "")); err != nil {
		return err
	}
	r.times++
	want := w.h.short
	if not == "encoder1" {
		want = other
	}
	// All is encoded once more, by the other build; none of it is a repetition of its own.
	return errors.Join(w.finish(ctx, id), w.intact(ctx, want, id), w.start(has), w.ready(ctx, fleet{api: 1, encoder: 2}))
}

// buildReturns freezes the encoder of the build until the job was planned anew, and thaws
// it in the middle of the other one's work: it commits what it has of a plan that was
// given up.
func (w *world) buildReturns(ctx context.Context, r *row, other *film) error {
	id, has, not, err := w.begun(ctx)
	if err != nil {
		return err
	}
	before, err := w.bus.Job(ctx, id)
	if err != nil {
		return err
	}
	frozen := w.services[has].proc
	frozen.signal(syscall.SIGSTOP)
	r.times++
	if err := errors.Join(w.tell("poison", ""), w.tell("delay", "0.5"), w.retired(ctx, has)); err != nil {
		return err
	}
	err = await(ctx, jobLimit, "another plan", func() (bool, error) {
		j, err := w.bus.Job(ctx, id)
		return err == nil && j.State == job.Encoding && j.Builds["libx264"] != before.Builds["libx264"], err
	})
	frozen.signal(syscall.SIGCONT)
	want := w.h.short
	if not == "encoder1" {
		want = other
	}
	return errors.Join(err, w.finish(ctx, id), w.tell("delay", ""), w.intact(ctx, want, id))
}
