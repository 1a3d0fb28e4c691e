package natsq

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
)

// EnqueueSplit asks for a job to be split. While that is pending or somebody works
// on it, asking again changes nothing.
func (b *Bus) EnqueueSplit(ctx context.Context, class job.Class, jobID string) error {
	return b.enqueueJob(ctx, "jobq", class, jobID)
}

// EnqueueMux asks for a job to be muxed. While that is pending or somebody works on
// it, asking again changes nothing.
func (b *Bus) EnqueueMux(ctx context.Context, class job.Class, jobID string) error {
	return b.enqueueJob(ctx, "mux", class, jobID)
}

func (b *Bus) enqueueJob(ctx context.Context, kind string, class job.Class, jobID string) error {
	class, err := orNormal(class)
	if err != nil {
		return err
	}
	if err := checkJob(jobID); err != nil {
		return err
	}
	_, err = b.offer(ctx, kind+"."+string(class)+"."+jobID, []byte(`{"job":"`+jobID+`"}`))
	if err != nil {
		return fmt.Errorf("enqueue %s of job %s: %w", kind, jobID, err)
	}
	b.poke("poke." + kind)
	return nil
}

// PutTask keeps the record of a task, for whoever enqueues it later. The last one
// written wins.
func (b *Bus) PutTask(ctx context.Context, t queue.Task) error {
	if err := checkTask(t.Job, t.ID); err != nil {
		return err
	}
	data, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode task %s/%s: %w", t.Job, t.ID, err)
	}
	_, err = b.offer(ctx, record("split", t.Job, t.ID), data)
	return wrap(err, "keep task %s/%s", t.Job, t.ID)
}

// Task returns the record of a task and whether there is one, as of the latest write.
func (b *Bus) Task(ctx context.Context, jobID string, id queue.TaskID) (queue.Task, bool, error) {
	if err := checkTask(jobID, id); err != nil {
		return queue.Task{}, false, err
	}
	t, found, err := last[queue.Task](ctx, b.streams[streamTasks], record("split", jobID, id))
	if err != nil {
		return queue.Task{}, false, fmt.Errorf("read task %s/%s: %w", jobID, id, err)
	}
	return t, found, nil
}

// EnqueueTask asks for a task to be encoded by a worker that has the encoder build
// t.Recipe.Encoder, and wakes those who wait. While the task is pending or somebody
// works on it, asking again changes nothing; afterwards it does, so look for a done
// record first.
func (b *Bus) EnqueueTask(ctx context.Context, t queue.Task) error {
	class, err := orNormal(t.Class)
	if err != nil {
		return err
	}
	if err := checkTask(t.Job, t.ID); err != nil {
		return err
	}
	if err := checkBuild(t.Recipe.Encoder); err != nil {
		return err
	}
	data, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode task %s/%s: %w", t.Job, t.ID, err)
	}
	lane := string(class) + "." + t.Recipe.Encoder
	if _, err := b.offer(ctx, "seg."+lane+"."+t.Job+"."+string(t.ID), data); err != nil {
		return fmt.Errorf("enqueue task %s/%s: %w", t.Job, t.ID, err)
	}
	b.poke("poke.seg." + t.Recipe.Encoder)
	return nil
}

// Queued returns the tasks of a job that are in the queue, pending or in flight.
func (b *Bus) Queued(ctx context.Context, jobID string) ([]queue.TaskID, error) {
	if err := checkJob(jobID); err != nil {
		return nil, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	info, err := b.streams[streamTask].Info(ctx, jetstream.WithSubjectFilter("seg.*.*."+jobID+".*"))
	if err != nil {
		return nil, fmt.Errorf("list queued tasks of job %s: %w", jobID, err)
	}
	var ids []queue.TaskID
	for subject := range info.State.Subjects {
		ids = append(ids, queue.TaskID(subject[strings.LastIndexByte(subject, '.')+1:]))
	}
	slices.Sort(ids)
	return ids, nil
}

// offer publishes to a stream, and reports whether the stream took the message: one
// that keeps the first message of a subject refuses others.
func (b *Bus) offer(ctx context.Context, subject string, data []byte, opts ...jetstream.PublishOpt) (bool, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	ack, err := b.js.Publish(ctx, subject, data, opts...)
	if refused(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return !ack.Duplicate, nil
}

// poke wakes those who wait for work of a kind. If it is lost they look within a
// second by themselves.
func (b *Bus) poke(subject string) {
	_ = b.nc.Publish(subject, nil)
}
