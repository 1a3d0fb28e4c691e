package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// deleteConsumers deletes all consumers of a stream.
func (w *world) deleteConsumers(ctx context.Context, stream string) (n int, err error) {
	s, err := w.js.Stream(ctx, stream)
	if err != nil {
		return 0, err
	}
	names := s.ConsumerNames(ctx)
	for name := range names.Name() {
		if err := s.DeleteConsumer(ctx, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return n, err
		}
		n++
	}
	return n, names.Err()
}

// loseConsumers deletes all consumers of the work streams in the middle of a job, three
// times. What was leased is handed out again at once.
func loseConsumers(ctx context.Context, h *harness, r *row) error {
	w, id, err := h.busyWorld(ctx, 4)
	if err != nil {
		return err
	}
	defer w.end()
	for range 3 {
		for _, stream := range []string{"JOBQ", "SEG", "MUX", "EVENTS"} {
			n, err := w.deleteConsumers(ctx, stream)
			if err != nil {
				return err
			}
			r.times += n
		}
		r.max += 2 // each encoder's task goes to the other one, too
		if err := rest(ctx, time.Second); err != nil {
			return err
		}
	}
	return errors.Join(w.finish(ctx, id), w.intact(ctx, h.long, id), w.count(r, id))
}

// busyWorld is a world in the middle of a job of the long film, n encodes of which began.
func (h *harness) busyWorld(ctx context.Context, n int) (w *world, id string, err error) {
	if w, err = h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2}); err != nil {
		return nil, "", err
	}
	if err = w.tell("delay", "0.4"); err == nil {
		if id, err = w.submit(ctx, h.long, ""); err == nil {
			err = w.busy(ctx, id, n)
		}
	}
	if err != nil {
		w.end()
	}
	return w, id, err
}

// loseStream deletes a stream, or the stream of a bucket, in the middle of a job, with all
// that it holds. The job ends as it would.
func loseStream(names ...string) func(context.Context, *harness, *row) error {
	return func(ctx context.Context, h *harness, r *row) error {
		for _, name := range names {
			if err := h.loseStream(ctx, r, name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	}
}

func (h *harness) loseStream(ctx context.Context, r *row, name string) error {
	w, id, err := h.busyWorld(ctx, 4)
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.js.DeleteStream(ctx, name); err != nil {
		return err
	}
	r.times++
	r.max += 2 // those in hand may be asked for again
	return errors.Join(w.finish(ctx, id), w.intact(ctx, h.long, id), w.count(r, id))
}

// loseJobs deletes the bucket of all jobs in the middle of one. Nothing knows of the job
// any more, and it says so; nothing is left of it, and submitted again it reuses what was
// encoded.
func loseJobs(ctx context.Context, h *harness, r *row) error {
	w, id, err := h.busyWorld(ctx, 6)
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.js.DeleteStream(ctx, "KV_jobs"); err != nil {
		return err
	}
	r.times = 1
	if err := await(ctx, jobLimit, "the answer that there is no such job", func() (bool, error) {
		_, err := w.api.Job(ctx, id)
		if err == nil || !strings.Contains(err.Error(), "no such job") && !strings.Contains(err.Error(), "there is no job") {
			return false, err
		}
		return true, nil
	}); err != nil {
		return err
	}
	if err := errors.Join(w.clean(ctx), w.tell("delay", "")); err != nil {
		return err
	}
	again, err := w.encode(ctx, h.long)
	if err != nil {
		return err
	}
	j, err := w.bus.Job(ctx, again)
	if err == nil && j.Chunks.Reused < 3 {
		err = fmt.Errorf("%d chunks were reused", j.Chunks.Reused)
	}
	return errors.Join(err, w.count(r, again))
}
