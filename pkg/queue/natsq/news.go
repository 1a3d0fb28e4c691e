package natsq

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/job"
)

// PublishProgress tells how far a job is. It may be lost, and the next one makes
// good for it. Send a few in a second at most.
func (b *Bus) PublishProgress(p job.Progress) {
	if checkJob(p.Job) != nil {
		return
	}
	data, err := json.Marshal(p)
	if err != nil {
		b.log.Error("can't encode progress", zap.String("job", p.Job), zap.Error(err))
		return
	}
	_ = b.nc.Publish("progress."+p.Job, data) // lost: see above
}

// WatchProgress calls fn with the progress of a job (of all jobs when jobID is ""),
// one call at a time. It returns nil when ctx ends.
func (b *Bus) WatchProgress(ctx context.Context, jobID string, fn func(job.Progress)) error {
	subject := "progress.*"
	if jobID != "" {
		if err := checkJob(jobID); err != nil {
			return err
		}
		subject = "progress." + jobID
	}
	return b.listen(ctx, subject, func(m *nats.Msg) {
		var p job.Progress
		if err := json.Unmarshal(m.Data, &p); err == nil { // else not ours
			fn(p)
		}
	})
}

// PublishCancel tells all workers at once that a job is cancelled. It may be lost:
// the state of the job is what counts.
func (b *Bus) PublishCancel(jobID string) {
	if checkJob(jobID) == nil {
		_ = b.nc.Publish("cancel."+jobID, nil)
	}
}

// WatchCancel calls fn with every job that is cancelled, one call at a time. It
// returns nil when ctx ends.
func (b *Bus) WatchCancel(ctx context.Context, fn func(jobID string)) error {
	return b.listen(ctx, "cancel.*", func(m *nats.Msg) {
		fn(strings.TrimPrefix(m.Subject, "cancel."))
	})
}

// listen calls fn with every message under a subject, until ctx ends. A listener
// too slow to keep up loses messages, and the connection stays well.
func (b *Bus) listen(ctx context.Context, subject string, fn func(*nats.Msg)) error {
	msgs := make(chan *nats.Msg, 1024)
	sub, err := b.nc.ChanSubscribe(subject, msgs)
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection is closed, and so is it
	closed := sub.StatusChanged(nats.SubscriptionClosed)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-closed:
			return quiet(ctx, "listen to "+subject, nil)
		case m := <-msgs:
			fn(m)
		}
	}
}
