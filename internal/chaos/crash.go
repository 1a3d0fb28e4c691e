package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/reweave/reweave/pkg/faultpoint"
)

// killEncoders kills one of three encoders every two seconds, until the job ends.
func killEncoders(ctx context.Context, h *harness, r *row) error {
	w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 3})
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.tell("delay", "0.6"); err != nil {
		return err
	}
	film := h.long
	if h.brief {
		film = h.short
	}
	id, err := w.submit(ctx, film, "")
	if err != nil {
		return err
	}
	for {
		if err := rest(ctx, 2*time.Second); err != nil {
			return err
		}
		j, err := w.bus.Job(ctx, id)
		if err != nil {
			return err
		}
		if j.State.Final() {
			break
		}
		if err := w.crash(fmt.Sprintf("encoder%d", rand.IntN(3))); err != nil {
			return err
		}
		r.times, r.max = r.times+1, r.max+1
	}
	return errors.Join(w.intact(ctx, film, id), w.count(r, id))
}

// busy waits until n encodes of a job were begun.
func (w *world) busy(ctx context.Context, id string, n int) error {
	return await(ctx, jobLimit, fmt.Sprintf("%d encodes", n), func() (bool, error) {
		tasks, err := w.encodes(id)
		sum := 0
		for _, times := range tasks {
			sum += times
		}
		return sum >= n, err
	})
}

func killAllEncoders(ctx context.Context, h *harness, r *row) error {
	w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 3})
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.tell("delay", "0.3"); err != nil {
		return err
	}
	id, err := w.submit(ctx, h.short, "")
	if err != nil {
		return err
	}
	if err := w.busy(ctx, id, 4); err != nil {
		return err
	}
	names := []string{"encoder0", "encoder1", "encoder2"}
	for _, name := range names {
		w.services[name].proc.kill()
		r.times, r.max = r.times+1, r.max+1
	}
	if err := rest(ctx, lease+time.Second); err != nil {
		return err
	}
	for _, name := range names {
		if err := w.start(name); err != nil {
			return err
		}
	}
	return errors.Join(w.finish(ctx, id), w.intact(ctx, h.short, id), w.count(r, id))
}

// points are the steps of each service: before and after each thing that others see.
var points = map[string][]string{
	"splitter": {
		"splitter.after-claim", "splitter.before-put-segment", "splitter.after-put-segment", "splitter.after-put-task", "splitter.after-enqueue",
		"splitter.before-plan", "splitter.after-plan", "splitter.after-cas", "splitter.after-event",
		"splitter.before-ack", "splitter.after-ack",
	},
	"encoder": {
		"encoder.after-start", "encoder.before-put-chunk", "encoder.after-put-chunk", "encoder.before-commit",
		"encoder.after-commit", "encoder.after-delete-segment", "encoder.before-release", "encoder.after-release",
		"complete.before-mux", "complete.after-mux", "encoder.before-ack", "encoder.after-ack",
	},
	"muxer": {
		"muxer.after-claim", "muxer.before-store", "muxer.after-store", "muxer.before-cas", "muxer.after-cas",
		"settle.after-event", "settle.after-sweep", "muxer.before-ack", "muxer.after-ack",
	},
	"api": {"api.after-create", "api.after-enqueue"},
}

// pointsOf has a service die at each of its steps, once each, with a job for each.
func pointsOf(kind string) func(context.Context, *harness, *row) error {
	return func(ctx context.Context, h *harness, r *row) error {
		f := fleet{api: 1, splitter: 1, muxer: 1, encoder: 2}
		w, err := h.newWorld(ctx, f)
		if err != nil {
			return err
		}
		defer w.end()
		for i, point := range points[kind] {
			if h.brief && i%6 != 2 {
				continue
			}
			if err := w.dieAt(ctx, r, kind, point); err != nil {
				return fmt.Errorf("%s: %w", point, err)
			}
		}
		return nil
	}
}

// arm restarts a service with a fault point. dead waits until it died there.
func (w *world) arm(ctx context.Context, name, point string) (dead func() error, err error) {
	s, marker := w.services[name], filepath.Join(w.dir, point)
	plain := s.env
	s.env = append(plain[:len(plain):len(plain)], faultpoint.Env+"="+point+"="+marker)
	err = errors.Join(s.proc.drain(), w.start(name))
	s.env = plain // the next process has none
	if err == nil && s.kind == "api" {
		err = w.ready(ctx, fleet{api: 1})
	}
	armed := s.proc
	return func() error {
		if err := await(ctx, jobLimit, "the fault", func() (bool, error) {
			_, missing := os.Stat(marker)
			return missing == nil, nil
		}); err != nil {
			return err
		}
		<-armed.gone
		return nil
	}, err
}

// dieAt restarts one process of a kind with a fault point and runs a job.
func (w *world) dieAt(ctx context.Context, r *row, kind, point string) error {
	if err := w.forgetChunks(ctx); err != nil {
		return err
	}
	if kind == "encoder" { // the other one must not take it all
		w.services["encoder1"].proc.kill()
	}
	dead, err := w.arm(ctx, kind+"0", point)
	if err != nil {
		return err
	}
	// The client repeats what got no answer, by its key.
	type answer struct {
		id  string
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		id, err := w.submit(ctx, w.h.short, point+w.dir)
		answers <- answer{id, err}
	}()
	if err := dead(); err != nil {
		return err
	}
	r.times++
	if kind == "encoder" {
		r.max++
		if err := w.start("encoder1"); err != nil {
			return err
		}
	}
	if err := w.revive(); err != nil {
		return err
	}
	a := <-answers
	if a.err != nil {
		return a.err
	}
	return errors.Join(w.finish(ctx, a.id), w.intact(ctx, w.h.short, a.id), w.count(r, a.id))
}

// freezeEncoder stops an encoder in the middle of a task until another one has done its
// work; what it does then must change nothing. It is counted as a crash.
func freezeEncoder(ctx context.Context, h *harness, r *row) error {
	w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2})
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.tell("delay", "0.4"); err != nil {
		return err
	}
	for _, late := range []bool{false, true} { // thawed in the middle of the job, and behind its end
		if err := w.forgetChunks(ctx); err != nil {
			return err
		}
		id, err := w.submit(ctx, h.long, "")
		if err != nil {
			return err
		}
		if err := w.busy(ctx, id, 4); err != nil {
			return err
		}
		frozen := w.services["encoder0"].proc
		frozen.signal(syscall.SIGSTOP)
		r.times, r.max = r.times+1, r.max+1
		thaw := rest(ctx, 2*lease)
		if late {
			thaw = w.finish(ctx, id)
		}
		frozen.signal(syscall.SIGCONT)
		if err := errors.Join(thaw, w.finish(ctx, id), w.intact(ctx, h.long, id), w.count(r, id)); err != nil {
			return err
		}
	}
	return nil
}
