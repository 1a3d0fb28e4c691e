package embed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// LockedError says that another process uses the directory.
type LockedError struct {
	Dir string
	// PID is that process, or 0 when it has not said so yet.
	PID int
	// Addr is the address of its API, or "" when it has not published one.
	Addr string
}

// Error names the directory, the process and its address.
func (e *LockedError) Error() string {
	s := e.Dir + " is in use by another process"
	if e.PID != 0 {
		s += fmt.Sprintf(" (pid %d)", e.PID)
	}
	if e.Addr != "" {
		s += ", which serves at " + e.Addr
	}
	return s
}

// dirLock is the right to use a directory. The kernel takes it back from a process
// that dies; what the holder wrote about itself then stays, and means nothing.
type dirLock struct {
	lock   *flock.Flock
	holder string
}

// holder is what the process that holds the lock says about itself.
type holder struct {
	PID  int    `json:"pid"`
	Addr string `json:"addr,omitempty"`
}

func acquire(dir string) (*dirLock, error) {
	l := &dirLock{lock: flock.New(filepath.Join(dir, "lock")), holder: filepath.Join(dir, "holder.json")}
	got, err := l.lock.TryLock()
	if err != nil {
		return nil, dirFault(dir, fmt.Errorf("lock %s: %w", dir, err))
	}
	if !got {
		return nil, l.locked(dir)
	}
	if err := l.publish(""); err != nil {
		return nil, errors.Join(dirFault(dir, err), l.lock.Unlock())
	}
	return l, nil
}

func (l *dirLock) locked(dir string) error {
	var h holder
	if data, err := os.ReadFile(l.holder); err == nil {
		_ = json.Unmarshal(data, &h) // the holder is told of only where it is known
	}
	return &LockedError{Dir: dir, PID: h.PID, Addr: h.Addr}
}

func (l *dirLock) publish(addr string) error {
	return writeJSON(l.holder, holder{PID: os.Getpid(), Addr: addr})
}

func (l *dirLock) release() error {
	err := os.Remove(l.holder)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, l.lock.Unlock())
}
