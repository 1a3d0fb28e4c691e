package natsq

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reweave/reweave/pkg/job"
)

// secretsBucket keeps the secrets of webhooks apart from the jobs, for the api alone.
const secretsBucket = "secrets"

// NextHook waits for the event of a job's end, whose webhook is to be told, and leases
// it. It returns ctx.Err() when ctx ends first. Events are kept anyhow, once for each
// job, so the consumers of that stream are the queue: none can be lost between its
// writing and its enqueueing, and the others need no right to enqueue.
func (b *Bus) NextHook(ctx context.Context) (*Lease, error) {
	var lanes []lane
	for _, kind := range []string{"done", "failed", "cancelled"} {
		lanes = append(lanes, lane{streamEvents, "hooks-" + kind, "evt.*." + kind, job.Normal})
	}
	return b.next(ctx, lanes, []string{"poke.evt"}, &b.hookTurns)
}

// PutSecret keeps the secret of a job's webhook.
func (b *Bus) PutSecret(ctx context.Context, jobID string, s job.Secret) error {
	kv, err := b.secrets(ctx, jobID)
	if err != nil {
		return err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	_, err = kv.Put(ctx, jobID, []byte(s))
	return wrap(err, "keep the secret of job %s", jobID)
}

// Secret returns the secret of a job's webhook, "" when there is none any more.
func (b *Bus) Secret(ctx context.Context, jobID string) (job.Secret, error) {
	kv, err := b.secrets(ctx, jobID)
	if err != nil {
		return "", err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	e, err := kv.Get(ctx, jobID)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", nil
	} else if err != nil {
		return "", fmt.Errorf("read the secret of job %s: %w", jobID, err)
	}
	return job.Secret(e.Value()), nil
}

// DropSecret forgets the secret of a job's webhook.
func (b *Bus) DropSecret(ctx context.Context, jobID string) error {
	kv, err := b.secrets(ctx, jobID)
	if err != nil {
		return err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	return wrap(kv.Purge(ctx, jobID), "forget the secret of job %s", jobID)
}

func (b *Bus) secrets(ctx context.Context, jobID string) (jetstream.KeyValue, error) {
	if err := checkJob(jobID); err != nil {
		return nil, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	kv, err := b.js.KeyValue(ctx, secretsBucket)
	return kv, wrap(err, "open bucket %s", secretsBucket)
}
