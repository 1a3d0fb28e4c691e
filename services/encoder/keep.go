package encoder

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/chunk"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/store"
)

// keep stores the chunk. While the store is in trouble it tries again: what was encoded would
// have to be encoded once more. It gives up while the lease still holds, which is kept for
// Stall behind the last frame.
func (s *service) keep(ctx context.Context, t queue.Task, r chunk.Result, file string) error {
	start := time.Now()
	for pause := time.Second / 2; ; pause = min(2*pause, maxRest) {
		err := s.put(ctx, t, r, file)
		if err == nil || fault.Of(err) != fault.Retry || time.Since(start)+pause > s.cfg.Stall/2 {
			return err
		}
		s.env.Log.Warn("can't store a chunk, trying on", zap.String("job", t.Job), zap.String("task", string(t.ID)), zap.Error(err))
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// put stores the chunk under its key, with what a later job wants to know of it.
func (s *service) put(ctx context.Context, t queue.Task, r chunk.Result, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("store chunk: %w", err)
	}
	defer f.Close()
	err = s.env.Store.Put(ctx, store.ChunkKey(t.Key), f, r.Bytes, map[string]string{
		"sha256": r.SHA256, "pixels": r.Pixels, "frames": strconv.Itoa(t.Frames),
	})
	if err != nil {
		return fmt.Errorf("store chunk: %w", err)
	}
	return nil
}
