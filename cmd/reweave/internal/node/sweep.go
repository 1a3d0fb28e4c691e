package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/store"
)

// served is a file in a data directory from which jobs were served: their records
// are kept there, so nobody may forget them.
const served = "served"

// Serves reports whether jobs were served from the data directory dir.
func Serves(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, served))
	return err == nil
}

// MarkServed records that jobs are served from the data directory dir.
func MarkServed(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, served), nil, 0o600)
	}
	if err != nil {
		return fmt.Errorf("mark the data directory: %w", err)
	}
	return nil
}

// sweep deletes what belongs to jobs that nobody knows any more: segments, and
// deliverables that were handed over or never will be. Chunks and manifests stay.
func sweep(ctx context.Context, s store.Store) error {
	var stale []string
	for _, prefix := range []string{"segments/", "jobs/"} {
		for info, err := range s.List(ctx, prefix) {
			if err != nil {
				return fmt.Errorf("sweep %s: %w", prefix, err)
			}
			if prefix == "jobs/" && strings.HasSuffix(info.Key, ".json") {
				continue
			}
			stale = append(stale, info.Key)
		}
	}
	if len(stale) == 0 {
		return nil
	}
	if err := s.Delete(ctx, stale...); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	return nil
}

// sweepInTime sweeps at the end of a run, for a few seconds at most. What it leaves
// is harmless: the next run sweeps at its start.
func sweepInTime(s store.Store, log *zap.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := sweep(ctx, s); err != nil {
		log.Warn("can't sweep", zap.Error(err))
	}
}
