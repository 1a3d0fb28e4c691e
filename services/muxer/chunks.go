package muxer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/store"
)

// fetchedAhead is how many chunks are fetched before their turn: enough that the muxer
// never waits for the store's answer, and few enough for any scratch directory.
const fetchedAhead = 4

// ahead fetches chunks before their turn.
type ahead struct {
	cancel context.CancelFunc
	queue  chan chan fetched
}

type fetched struct {
	file *os.File
	err  error
}

// fetchAhead begins to fetch the video's chunks, in order.
func (w *work) fetchAhead(ctx context.Context) *ahead {
	ctx, cancel := context.WithCancel(ctx)
	a := &ahead{cancel: cancel, queue: make(chan chan fetched, fetchedAhead-1)}
	go func() {
		defer close(a.queue)
		for i := range w.plan.Segments {
			turn := make(chan fetched, 1)
			select {
			case a.queue <- turn:
			case <-ctx.Done():
				return
			}
			go func() {
				file, err := w.chunk(ctx, queue.Video(i))
				turn <- fetched{file, err}
			}()
		}
	}()
	return a
}

// next returns the next chunk. It is called no more often than there are segments.
func (a *ahead) next(ctx context.Context) (*os.File, error) {
	turn, more := <-a.queue
	if !more {
		return nil, context.Cause(ctx) // the only reason to end early
	}
	f := <-turn
	return f.file, f.err
}

// stop drops what was fetched and not asked for.
func (a *ahead) stop() {
	a.cancel()
	for turn := range a.queue {
		if f := <-turn; f.file != nil {
			f.file.Close()
		}
	}
}

// chunk fetches a task's chunk into a file, checks its digest, and opens it. The file
// has no name any more, so that it ends when it is closed.
func (w *work) chunk(ctx context.Context, id queue.TaskID) (*os.File, error) {
	d := w.done[id]
	path := filepath.Join(w.dir, fmt.Sprintf("%s.mp4", id))
	err := store.Fetch(ctx, w.env.Store, store.ChunkKey(d.Key), d.SHA256, path)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDigest) {
		return nil, &lostChunks{tasks: []queue.TaskID{id}, why: err}
	} else if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return f, os.Remove(path)
}
