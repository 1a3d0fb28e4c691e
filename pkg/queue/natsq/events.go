package natsq

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/job"
)

// PublishEvent publishes a CloudEvent (1.0, structured JSON) of a type of package
// job, with the job as its data. A job has at most one event of each type: to
// publish a second changes nothing and is no error. The event's id is the same for
// every try, so receivers can tell repeats.
func (b *Bus) PublishEvent(ctx context.Context, j job.Job, eventType string) error {
	if err := checkJob(j.ID); err != nil {
		return err
	}
	kind := eventType[strings.LastIndexByte(eventType, '.')+1:]
	if !tokenRE.MatchString(kind) {
		return fmt.Errorf("check event type %q: does not end in a plain token", eventType)
	}
	id := j.ID + "." + kind
	data, err := newEvent(j, eventType, id)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", id, err)
	}
	_, err = b.offer(ctx, "evt."+id, data, jetstream.WithMsgID(id))
	b.poke("poke.evt")
	return wrap(err, "publish event %s", id)
}

func newEvent(j job.Job, eventType, id string) ([]byte, error) {
	e := event.New(event.CloudEventsVersionV1)
	e.SetID(id)
	e.SetType(eventType)
	e.SetSource("/jobs/" + j.ID)
	e.SetSubject(j.ID)
	if !j.Updated.IsZero() {
		e.SetTime(j.Updated)
	}
	if err := e.SetData(event.ApplicationJSON, told(j)); err != nil {
		return nil, err
	}
	return json.Marshal(e)
}

// told returns a job as an event tells it. The address of a webhook stays whole: it is the
// event that says where it is to be sent.
func told(j job.Job) job.Job {
	hook := j.Spec.Webhook
	j = j.Shown()
	j.Spec.Webhook = hook
	return j
}

// Events calls fn with every event of a job (of all jobs when jobID is "") after
// the sequence number after, then with those to come, one call at a time. ce is the
// CloudEvent as structured JSON. It returns the error of fn as it is, or nil when
// ctx ends.
func (b *Bus) Events(ctx context.Context, jobID string, after uint64, fn func(seq uint64, ce []byte) error) error {
	filter := "evt.>"
	if jobID != "" {
		if err := checkJob(jobID); err != nil {
			return err
		}
		filter = records("evt", jobID)
	}
	for {
		seq, failed, err := b.follow(ctx, filter, after, fn)
		if failed || ctx.Err() != nil {
			return err
		}
		b.log.Warn("lost the events, taking them up again", zap.Error(err))
		after = max(after, seq)
		if pause(ctx, lookEvery) != nil {
			return nil //nolint:nilerr // ctx ended, which was asked for
		}
	}
}

// follow reads events until something fails. It returns the last sequence number
// that fn took, and whether it was fn that failed. err is nil when ctx ended.
func (b *Bus) follow(ctx context.Context, filter string, after uint64, fn func(uint64, []byte) error) (seq uint64, failed bool, err error) {
	c, err := b.streams[streamEvents].OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{filter}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
	})
	if err != nil {
		return after, false, quiet(ctx, "follow events", err)
	}
	msgs, err := c.Messages()
	if err != nil {
		return after, false, quiet(ctx, "follow events", err)
	}
	defer msgs.Stop()
	for seq = after; ; {
		m, err := msgs.Next(jetstream.NextContext(ctx))
		if err != nil {
			return seq, false, quiet(ctx, "follow events", err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return seq, false, fmt.Errorf("read metadata of %s: %w", m.Subject(), err)
		}
		if err := fn(meta.Sequence.Stream, m.Data()); err != nil {
			return seq, true, err
		}
		seq = meta.Sequence.Stream
	}
}
