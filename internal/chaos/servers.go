package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func killNATS(ctx context.Context, h *harness, r *row) error {
	w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2})
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.tell("delay", "0.8"); err != nil {
		return err
	}
	id, err := w.submit(ctx, h.long, "")
	if err != nil {
		return err
	}
	for range 10 {
		if err := rest(ctx, 700*time.Millisecond); err != nil {
			return err
		}
		w.nats.kill()
		r.times, r.max = r.times+1, r.max+1
		if err := errors.Join(rest(ctx, 300*time.Millisecond), w.startNATS(ctx)); err != nil {
			return err
		}
	}
	if j, err := w.bus.Job(ctx, id); err == nil && j.State.Final() {
		return fmt.Errorf("the job was %s before the last kill", j.State)
	}
	return errors.Join(w.finish(ctx, id), w.intact(ctx, h.long, id), w.count(r, id))
}

// wipeNATS loses all state and submits the film again: nothing is encoded.
func wipeNATS(ctx context.Context, h *harness, r *row) error {
	f := fleet{api: 1, splitter: 1, muxer: 1, encoder: 2}
	w, err := h.newWorld(ctx, f)
	if err != nil {
		return err
	}
	defer w.end()
	if _, err := w.encode(ctx, h.long); err != nil {
		return err
	}
	w.nats.kill()
	if err := os.RemoveAll(filepath.Join(w.dir, "nats")); err != nil {
		return err
	}
	if err := w.startNATS(ctx); err != nil {
		return err
	}
	r.times++
	if err := w.ready(ctx, f); err != nil {
		return err
	}
	id, err := w.encode(ctx, h.long)
	if err != nil {
		return err
	}
	j, err := w.bus.Job(ctx, id)
	if err == nil && (j.Chunks.Encoded > 0 || j.Chunks.Reused != h.long.tasks) {
		err = fmt.Errorf("%d chunks were encoded again", j.Chunks.Encoded)
	}
	return err
}

// killS3 kills the object store again and again. Both encoders may lose what they were
// about to store each time.
func killS3(ctx context.Context, h *harness, r *row) error {
	w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2})
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.tell("delay", "0.6"); err != nil {
		return err
	}
	id, err := w.submit(ctx, h.long, "")
	if err != nil {
		return err
	}
	for range 5 {
		if err := rest(ctx, 700*time.Millisecond); err != nil {
			return err
		}
		w.s3.kill()
		r.times, r.max = r.times+1, r.max+2
		if err := rest(ctx, 700*time.Millisecond); err != nil {
			return err
		}
		if err := w.startS3(ctx); err != nil {
			return err
		}
	}
	return errors.Join(w.finish(ctx, id), w.intact(ctx, h.long, id), w.count(r, id))
}
