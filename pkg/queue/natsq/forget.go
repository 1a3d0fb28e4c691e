package natsq

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// PurgeWork removes the messages of a job that wait for work or are being worked
// on. Who works on one isn't told: see [Bus.PublishCancel].
func (b *Bus) PurgeWork(ctx context.Context, jobID string) error {
	if err := checkJob(jobID); err != nil {
		return err
	}
	return b.purge(ctx, jobID, map[string][]string{
		streamSplit: {"jobq.*." + jobID},
		streamTask:  {"seg.*.*." + jobID + ".*"},
		streamMux:   {"mux.*." + jobID},
	})
}

// Restart removes what was done and is to be done of a job's tasks, so that it can be
// planned anew: waiting tasks, done records and attempts.
func (b *Bus) Restart(ctx context.Context, jobID string) error {
	if err := checkJob(jobID); err != nil {
		return err
	}
	return b.purge(ctx, jobID, map[string][]string{
		streamTask:     {"seg.*.*." + jobID + ".*"},
		streamDone:     {records("done", jobID)},
		streamAttempts: {records("try", jobID)},
	})
}

// Forget removes all that is kept about the work on a job: waiting messages, task
// and done records, claims, attempts. The job itself and its events stay.
func (b *Bus) Forget(ctx context.Context, jobID string) error {
	if err := b.PurgeWork(ctx, jobID); err != nil {
		return err
	}
	return b.purge(ctx, jobID, map[string][]string{
		streamTasks:    {records("split", jobID), records("claims", jobID), oneClaim + "*." + jobID},
		streamDone:     {records("done", jobID)},
		streamAttempts: {records("try", jobID)},
	})
}

// Recorded returns the jobs of which something is recorded: tasks, done records, attempts.
func (b *Bus) Recorded(ctx context.Context) (map[string]bool, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	jobs := map[string]bool{}
	for stream, kind := range map[string]string{streamTasks: "split", streamDone: "done", streamAttempts: "try"} {
		info, err := b.streams[stream].Info(ctx, jetstream.WithSubjectFilter(kind+".>"))
		if err != nil {
			return nil, fmt.Errorf("list what %s records: %w", stream, err)
		}
		for subject := range info.State.Subjects {
			if parts := strings.SplitN(subject, ".", 3); len(parts) == 3 {
				jobs[parts[1]] = true
			}
		}
	}
	return jobs, nil
}

// purge removes what the filters match, each in its stream.
func (b *Bus) purge(ctx context.Context, jobID string, filters map[string][]string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	for stream, of := range filters {
		for _, filter := range of {
			if err := b.streams[stream].Purge(ctx, jetstream.WithPurgeSubject(filter)); err != nil {
				return fmt.Errorf("purge job %s from %s: %w", jobID, stream, err)
			}
		}
	}
	return nil
}
