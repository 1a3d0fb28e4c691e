//go:build unix

package worker

import (
	"os"
	"syscall"
)

// lock locks a file until it is closed or its process dies, and reports whether nobody
// else had locked it.
func lock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil //nolint:gosec // a descriptor fits
}
