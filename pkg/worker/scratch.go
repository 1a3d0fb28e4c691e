package worker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// Scratch is a directory for the temporary files of one process. It is locked as long as
// the process lives, so that the next one can tell what a killed one left, and removes it.
type Scratch struct {
	dir  string
	lock *flock.Flock
}

const scratchPrefix = "reweave-scratch-"

// OpenScratch makes a directory below base, or below the system's directory for temporary
// files when base is "", and removes those of processes that are gone.
func OpenScratch(base string) (*Scratch, error) {
	if base == "" {
		base = os.TempDir()
	}
	base, err := filepath.Abs(base)
	if err == nil {
		err = os.MkdirAll(base, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("make scratch directory: %w", err)
	}
	sweepScratch(base)
	for {
		// Locked before it is there, so that no other process's sweep takes it for stale.
		s := &Scratch{dir: filepath.Join(base, scratchPrefix+strings.ToLower(rand.Text()))}
		s.lock = flock.New(lockFile(s.dir))
		if err := s.lock.Lock(); err != nil {
			return nil, fmt.Errorf("lock scratch directory: %w", err)
		}
		if !s.holds() {
			_ = s.lock.Close() // it is nobody's any more
			continue
		}
		if err := os.Mkdir(s.dir, 0o700); err != nil {
			return nil, errors.Join(fmt.Errorf("make scratch directory: %w", err), s.Close())
		}
		return s, nil
	}
}

// holds reports whether the lock is that of the file of its name. A sweep may have found
// that file between its making and its locking, and removed it.
func (s *Scratch) holds() bool {
	locked, err := s.lock.Stat()
	named, nerr := os.Stat(lockFile(s.dir))
	return err == nil && nerr == nil && os.SameFile(locked, named)
}

// lockFile stands beside the directory: whoever removes it holds its lock until then.
func lockFile(dir string) string { return dir + ".lock" }

// sweepScratch removes what is locked by nobody. What it can't remove is not ours, or
// somebody else's sweep is at it.
func sweepScratch(base string) {
	locks, err := filepath.Glob(filepath.Join(base, scratchPrefix+"*.lock"))
	if err != nil {
		return
	}
	for _, file := range locks {
		l := flock.New(file)
		if ok, err := l.TryLock(); err != nil || !ok {
			continue
		}
		_ = os.RemoveAll(file[:len(file)-len(".lock")])
		_ = os.Remove(file)
		_ = l.Close()
	}
}

// Dir makes a directory for one piece of work; the caller removes it with the returned
// function.
func (s *Scratch) Dir(name string) (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp(s.dir, name+"-")
	if err != nil {
		return "", nil, fmt.Errorf("make scratch directory: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// Close removes the directory with all that is in it.
func (s *Scratch) Close() error {
	return errors.Join(os.RemoveAll(s.dir), os.Remove(lockFile(s.dir)), s.lock.Close())
}
