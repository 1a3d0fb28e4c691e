package natsq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reweave/reweave/pkg/queue"
)

// CommitDone writes the record that a task is finished, and reports whether d is
// the record that counts: the first one written wins. Committing the very same
// record again, after an error for example, is reported as won again.
func (b *Bus) CommitDone(ctx context.Context, d queue.Done) (won bool, err error) {
	if err := checkTask(d.Job, d.Task); err != nil {
		return false, err
	}
	data, err := json.Marshal(d)
	if err != nil {
		return false, fmt.Errorf("encode done record %s/%s: %w", d.Job, d.Task, err)
	}
	subject := record("done", d.Job, d.Task)
	won, err = b.offer(ctx, subject, data)
	if err != nil || won {
		return won, wrap(err, "commit task %s/%s", d.Job, d.Task)
	}
	kept, _, err := last[json.RawMessage](ctx, b.streams[streamDone], subject)
	return bytes.Equal(kept, data), wrap(err, "read done record %s/%s", d.Job, d.Task)
}

// Done returns the record that a task is finished and whether there is one, as of
// the latest write.
func (b *Bus) Done(ctx context.Context, jobID string, id queue.TaskID) (queue.Done, bool, error) {
	if err := checkTask(jobID, id); err != nil {
		return queue.Done{}, false, err
	}
	d, found, err := last[queue.Done](ctx, b.streams[streamDone], record("done", jobID, id))
	return d, found, wrap(err, "read done record %s/%s", jobID, id)
}

// DoneCount returns how many tasks of a job are finished, as of the latest write.
func (b *Bus) DoneCount(ctx context.Context, jobID string) (int, error) {
	if err := checkJob(jobID); err != nil {
		return 0, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	info, err := b.streams[streamDone].Info(ctx, jetstream.WithSubjectFilter(records("done", jobID)))
	if err != nil {
		return 0, fmt.Errorf("count done records of job %s: %w", jobID, err)
	}
	return len(info.State.Subjects), nil
}

// DoneAll returns the done records of a job, in the order of their writing.
func (b *Bus) DoneAll(ctx context.Context, jobID string) ([]queue.Done, error) {
	// The records are read where the server likes, which may lag behind the leader:
	// the leader's count says when they are all there.
	for try := 1; ; try++ {
		n, err := b.DoneCount(ctx, jobID)
		if err != nil {
			return nil, err
		}
		done, err := all[queue.Done](ctx, b.streams[streamDone], records("done", jobID))
		if err != nil {
			return nil, fmt.Errorf("read done records of job %s: %w", jobID, err)
		}
		if len(done) >= n {
			return done, nil
		}
		if try == 10 {
			return nil, fmt.Errorf("read done records of job %s: found %d of %d", jobID, len(done), n)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// DropDone removes the done record of a task, whose chunk turned out to be corrupt,
// so that it can be committed anew.
func (b *Bus) DropDone(ctx context.Context, jobID string, id queue.TaskID) error {
	if err := checkTask(jobID, id); err != nil {
		return err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	err := b.streams[streamDone].Purge(ctx, jetstream.WithPurgeSubject(record("done", jobID, id)))
	return wrap(err, "drop done record %s/%s", jobID, id)
}

// RecordAttempt adds a line to the history of a task.
func (b *Bus) RecordAttempt(ctx context.Context, a queue.Attempt) error {
	if err := checkTask(a.Job, a.Task); err != nil {
		return err
	}
	data, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode attempt at %s/%s: %w", a.Job, a.Task, err)
	}
	_, err = b.offer(ctx, record("try", a.Job, a.Task), data)
	return wrap(err, "record attempt at %s/%s", a.Job, a.Task)
}

// Attempts returns the history of a task, the oldest first: its last 64 lines.
func (b *Bus) Attempts(ctx context.Context, jobID string, id queue.TaskID) ([]queue.Attempt, error) {
	if err := checkTask(jobID, id); err != nil {
		return nil, err
	}
	tries, err := all[queue.Attempt](ctx, b.streams[streamAttempts], record("try", jobID, id))
	return tries, wrap(err, "read attempts at %s/%s", jobID, id)
}

// wrap adds what was tried to an error; nil stays nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// errNoAnswer explains that NATS let the time pass that it had. It doesn't tell its clients
// when it can't write a message, for want of space for example.
var errNoAnswer = errors.New("NATS does not answer, and its log may say why")
