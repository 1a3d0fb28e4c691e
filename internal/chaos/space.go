package main

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// fillNATS fills the disc of NATS in the middle of a job, makes room again, and restarts
// NATS: a stream that could not be written takes nothing more until then. Both encoders may
// lose what they could not tell of.
func fillNATS(ctx context.Context, h *harness, r *row) error {
	w, id, err := h.inTheMiddle(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2, space: map[string]string{"nats": "64m"}}, 5)
	if err != nil {
		return err
	}
	defer w.end()
	w.nats.signal(syscall.SIGUSR1)
	r.times, r.max = 1, 2
	if err := errors.Join(w.says(ctx, "nats", "no space left on device"), rest(ctx, 2*time.Second)); err != nil {
		return err
	}
	w.nats.signal(syscall.SIGUSR2)
	if err := w.says(ctx, "nats", "64m bytes now"); err != nil {
		return err
	}
	w.nats.signal(syscall.SIGHUP)
	return errors.Join(w.finish(ctx, id), w.intact(ctx, h.long, id), w.count(r, id))
}

// says waits until a process has said something in its log.
func (w *world) says(ctx context.Context, name, what string) error {
	return await(ctx, settleLimit, "a line in a log", func() (bool, error) {
		err := w.logged(name, what)
		return err == nil, err
	})
}
