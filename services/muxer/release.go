package muxer

import (
	"context"

	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/lifecycle"
	"github.com/reweave/reweave/pkg/queue"
)

// release lets into the queue every task whose turn it is: the first window of tasks, and
// those that are a window behind a finished one. A job whose tasks are not all known, as
// after somebody deleted their stream, is split again.
func (s *service) release(ctx context.Context, j job.Job, done map[queue.TaskID]bool) error {
	known := len(done)
	for i := range j.Chunks.Total {
		for _, id := range []queue.TaskID{queue.Video(i), queue.Audio(i)} {
			if done[id] {
				continue
			}
			t, found, err := s.env.Bus.Task(ctx, j.ID, id)
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			known++
			if id.IsAudio() || i < j.Window || done[queue.Video(i-j.Window)] {
				if err := s.env.Bus.Release(ctx, t); err != nil {
					return err
				}
			}
		}
	}
	if known < j.Chunks.Total {
		s.env.Log.Warn("tasks are lost, the job is split again", zap.String("job", j.ID), zap.Int("known", known), zap.Int("of", j.Chunks.Total))
		return lifecycle.Resplit(ctx, s.env.Bus, s.env.Store, j.ID, errTasksLost, s.env.Bus.EnqueueSplit)
	}
	return nil
}

// enqueue lets a task into the queue, if there is one that is not done.
func (s *service) enqueue(ctx context.Context, jobID string, id queue.TaskID, done map[queue.TaskID]bool) error {
	if done[id] {
		return nil
	}
	t, found, err := s.env.Bus.Task(ctx, jobID, id)
	if err != nil || !found {
		return err
	}
	return s.env.Bus.Release(ctx, t)
}

// widen lets more of a job's tasks in where workers came since it began, for whose slots
// its window is too narrow. Who finishes one releases the next as ever, until it comes to
// one that is in the queue or done already; so these begin as far from each other as they
// can. A job whose tenant has a limit of slots keeps its window.
func (s *service) widen(ctx context.Context, j job.Job, done map[queue.TaskID]bool) error {
	if j.Slots > 0 {
		return nil
	}
	workers, err := s.env.Bus.Workers(ctx)
	if err != nil {
		return err
	}
	slots := 0
	for _, w := range workers {
		slots += w.Slots
	}
	if queue.Window(slots) <= j.Window {
		return nil
	}
	queued, err := s.env.Bus.Queued(ctx, j.ID)
	if err != nil {
		return err
	}
	busy := map[queue.TaskID]bool{}
	for _, id := range queued {
		busy[id] = true
	}
	var rest []queue.TaskID
	for i := range j.Chunks.Total {
		if id := queue.Video(i); !done[id] && !busy[id] {
			rest = append(rest, id)
		}
	}
	more := min(queue.Window(slots)-len(queued), len(rest))
	for k := range max(more, 0) {
		if err := s.enqueue(ctx, j.ID, rest[k*len(rest)/more], done); err != nil {
			return err
		}
	}
	return nil
}
