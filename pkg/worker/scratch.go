package worker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// lockName is a file in each directory that Scratch made, locked as long as the process
// lives that uses the directory.
const lockName = ".reweave-lock"

// Scratch makes a directory for the temporary files of one piece of work below base, or
// below the system's directory for such files when base is "". It removes those that
// processes left there which died, in this container or in another one on this machine.
func Scratch(base, prefix string) (dir string, remove func(), err error) {
	if base == "" {
		base = os.TempDir()
	}
	if base, err = filepath.Abs(base); err == nil {
		err = os.MkdirAll(base, 0o700)
	}
	if err == nil {
		sweepScratch(base)
		dir, err = os.MkdirTemp(base, prefix+"-")
	}
	if err != nil {
		return "", nil, fmt.Errorf("make scratch directory: %w", err)
	}
	held, err := hold(dir)
	if err != nil {
		return "", nil, fmt.Errorf("make scratch directory: %w", errors.Join(err, os.RemoveAll(dir)))
	}
	return dir, func() { _ = os.RemoveAll(dir); held.Close() }, nil
}

// hold locks a new directory. The file gets its name once it is locked, so that nobody
// finds it unlocked and takes its owner for dead.
func hold(dir string) (*os.File, error) {
	f, err := os.Create(filepath.Join(dir, lockName+"-new"))
	if err != nil {
		return nil, err
	}
	lock(f)
	if err := os.Rename(f.Name(), filepath.Join(dir, lockName)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweepScratch removes the directories whose owners died. What can't be removed only
// costs space, and the next one tries again.
func sweepScratch(base string) {
	files, _ := filepath.Glob(filepath.Join(base, "*", lockName)) // the pattern is good
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil { // it has just been removed
			continue
		}
		if lock(f) {
			_ = os.RemoveAll(filepath.Dir(name))
		}
		f.Close()
	}
}
