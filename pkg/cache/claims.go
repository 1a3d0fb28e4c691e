package cache

import (
	"context"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
)

// Bus tells what jobs run, and of what tasks they are.
type Bus interface {
	Jobs(ctx context.Context) ([]job.Job, error)
	Task(ctx context.Context, jobID string, id queue.TaskID) (queue.Task, bool, error)
}

// beside is more than the segments that are placed side by side: a task may be known before
// those in front of it are.
const beside = 16

// Claims returns the keys of the chunks that running jobs need, as far as their sources are
// read.
func Claims(ctx context.Context, bus Bus) (map[string]bool, error) {
	jobs, err := bus.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	claimed := map[string]bool{}
	for _, j := range jobs {
		if j.State.Final() {
			continue
		}
		for _, kind := range []func(int) queue.TaskID{queue.Video, queue.Audio} {
			for i, missing := 0, 0; missing < beside; i++ {
				t, found, err := bus.Task(ctx, j.ID, kind(i))
				if err != nil {
					return nil, err
				}
				if missing++; found {
					claimed[t.Key], missing = true, 0
				}
			}
		}
	}
	return claimed, nil
}
