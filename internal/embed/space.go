//go:build linux || darwin

package embed

import (
	"fmt"
	"syscall"
)

// leastSpace is what the servers need to start at all. With less, NATS starts and then
// answers nothing.
const leastSpace = 4 << 20

// checkSpace returns an ENOSPC when dir's file system is as good as full.
func checkSpace(dir string) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("look for free space: %w", err)
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < leastSpace { //nolint:gosec // a size is not negative
		return fmt.Errorf("%d kB are free: %w", free>>10, syscall.ENOSPC)
	}
	return nil
}
