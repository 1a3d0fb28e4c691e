package natsq

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reweave/reweave/pkg/job"
)

var (
	// ErrNoJob says that no job has the id.
	ErrNoJob = errors.New("no such job")
	// ErrUnchanged is returned by the function given to [Bus.UpdateJob] to leave the
	// job as it is.
	ErrUnchanged = errors.New("job unchanged")
)

// CreateJob keeps a new job and reports whether it was this call that created it.
// Of all calls with one idempotency key, within 7 days, exactly one creates a job;
// the others return it. An empty key stands for none: then only a second call with
// the same job id returns the existing job. A caller that was told an error, or
// false, must not conclude that what follows a creation was done.
func (b *Bus) CreateJob(ctx context.Context, j job.Job, idempotencyKey string) (job.Job, bool, error) {
	// Whoever claimed the key may have died before it created the job: then it is created
	// here, under the id of the claim.
	id, err := b.ClaimJob(ctx, j.ID, idempotencyKey)
	if err != nil {
		return job.Job{}, false, err
	}
	if j.ID = id; checkJob(id) != nil {
		return job.Job{}, false, checkJob(id)
	}
	value, err := encodeJob(j)
	if err != nil {
		return job.Job{}, false, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	revision, err := b.jobs.Create(ctx, j.ID, value)
	if errors.Is(err, jetstream.ErrKeyExists) {
		j, err = b.Job(ctx, j.ID)
		return j, false, err
	}
	if err != nil {
		return job.Job{}, false, fmt.Errorf("create job %s: %w", j.ID, err)
	}
	j.Revision = revision
	return j, true, nil
}

// ClaimJob returns the id under which a new job is to be created: the given one, unless
// the idempotency key belongs to another already. An empty key stands for none.
func (b *Bus) ClaimJob(ctx context.Context, id, idempotencyKey string) (string, error) {
	if idempotencyKey == "" {
		return id, nil
	}
	id, err := b.claimRequest(ctx, idempotencyKey, id)
	return id, wrap(err, "claim idempotency key")
}

// claimRequest returns the job id that belongs to an idempotency key: the given one
// when the key is new. The key is hashed, as it may hold any character.
func (b *Bus) claimRequest(ctx context.Context, key, jobID string) (string, error) {
	sum := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(sum[:])
	ctx, cancel := bounded(ctx)
	defer cancel()
	_, err := b.requests.Create(ctx, name, []byte(jobID))
	if err == nil {
		return jobID, nil
	}
	if !errors.Is(err, jetstream.ErrKeyExists) {
		return "", err
	}
	entry, err := b.requests.Get(ctx, name)
	if err != nil {
		return "", err
	}
	return string(entry.Value()), nil
}

// Job returns a job with its revision. [ErrNoJob] when there is none.
func (b *Bus) Job(ctx context.Context, id string) (job.Job, error) {
	if checkJob(id) != nil {
		return job.Job{}, fmt.Errorf("read job %q: %w", id, ErrNoJob)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	entry, err := b.jobs.Get(ctx, id)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return job.Job{}, fmt.Errorf("read job %s: %w", id, ErrNoJob)
	}
	if err != nil {
		return job.Job{}, fmt.Errorf("read job %s: %w", id, err)
	}
	return decodeJob(entry)
}

// UpdateJob changes a job by compare-and-swap and returns it as it is then. It
// sets Updated. change may run several times, each time on a fresh value, so it
// must do nothing but change it. When it returns [ErrUnchanged] nothing is written
// and the current job is returned; any other error of change is returned as it is.
func (b *Bus) UpdateJob(ctx context.Context, id string, change func(*job.Job) error) (job.Job, error) {
	for {
		j, err := b.Job(ctx, id)
		if err != nil {
			return job.Job{}, err
		}
		revision := j.Revision
		switch err := change(&j); {
		case errors.Is(err, ErrUnchanged):
			return b.Job(ctx, id) // change may have touched j before it gave up
		case err != nil:
			return job.Job{}, err
		}
		j.ID, j.Updated = id, time.Now().UTC()
		j, err = b.swapJob(ctx, j, revision)
		if err == nil || !errors.Is(err, jetstream.ErrKeyRevisionMismatch) || ctx.Err() != nil {
			return j, wrap(err, "update job %s", id)
		}
	}
}

// swapJob writes a job if its revision still is the given one, and returns it with
// the new one.
func (b *Bus) swapJob(ctx context.Context, j job.Job, revision uint64) (job.Job, error) {
	value, err := encodeJob(j)
	if err != nil {
		return job.Job{}, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	if j.Revision, err = b.jobs.Update(ctx, j.ID, value, revision); err != nil {
		return job.Job{}, err
	}
	return j, nil
}

// Jobs returns all jobs, the newest first.
func (b *Bus) Jobs(ctx context.Context) ([]job.Job, error) {
	jobs, err := values(ctx, b.jobs, decodeJob)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	slices.SortFunc(jobs, func(x, y job.Job) int {
		if c := y.Created.Compare(x.Created); c != 0 {
			return c
		}
		return cmp.Compare(y.ID, x.ID)
	})
	return jobs, nil
}

// WatchJobs calls fn with every job, then with every job that changes, in the order
// of revisions, one call at a time. It returns nil when ctx ends, and an error when the
// server may have lost the bucket: watch again.
func (b *Bus) WatchJobs(ctx context.Context, fn func(job.Job)) error {
	remade := b.untilRemade()
	w, err := b.jobs.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return quiet(ctx, "watch jobs", err)
	}
	defer w.Stop() //nolint:errcheck // the connection is gone, or so is the watch
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-remade:
			return errRemade
		case entry, ok := <-w.Updates():
			if !ok {
				return quiet(ctx, "watch jobs", nil)
			}
			if entry == nil { // end of the current values
				continue
			}
			j, err := decodeJob(entry)
			if err != nil {
				return err
			}
			fn(j)
		}
	}
}

// encodeJob leaves the revision out: it is the store's.
func encodeJob(j job.Job) ([]byte, error) {
	j.Revision = 0
	value, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("encode job %s: %w", j.ID, err)
	}
	return value, nil
}

func decodeJob(e jetstream.KeyValueEntry) (job.Job, error) {
	var j job.Job
	if err := json.Unmarshal(e.Value(), &j); err != nil {
		return job.Job{}, fmt.Errorf("decode job %s: %w", e.Key(), err)
	}
	j.Revision = e.Revision()
	return j, nil
}
