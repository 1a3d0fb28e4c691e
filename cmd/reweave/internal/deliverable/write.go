package deliverable

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/reweave/reweave/pkg/fault"
)

// Write puts at the target what fill writes, which answers for the bytes, when prove, which
// may be nil, finds nothing wrong with the file at a path. Until then the target is as it
// was, and it stays so after any error, with nothing beside it.
func (t Target) Write(fill func(io.Writer) error, prove func(path string) error) error {
	f, err := t.create()
	if err != nil {
		return t.failed(err)
	}
	if err := t.fill(f, fill); err != nil {
		_ = f.discard() // the first error is the one to tell
		return err
	}
	synced := make(chan error, 1) // a proof takes long enough for the disk to come after
	go func() { synced <- f.Sync() }()
	var refused error
	if prove != nil {
		refused = prove(f.Name())
	}
	err = <-synced
	if refused != nil {
		_ = f.discard()
		return refused
	}
	if err == nil {
		err = t.publish(f)
	}
	if err != nil {
		_ = f.discard()
		return t.failed(err)
	}
	return t.syncDirectory()
}

func (t Target) fill(f temp, fill func(io.Writer) error) error {
	w := &sink{to: f}
	if err := fill(w); w.err == nil {
		return err
	}
	return t.failed(w.err)
}

// publish gives f, which is flushed, the target's name. The file stays open and thus
// locked until it has it, or a sweep could take it.
func (t Target) publish(f temp) error {
	if err := os.Rename(f.Name(), t.Path); err != nil {
		return err
	}
	return f.Close()
}

// syncDirectory makes the rename last through a loss of power. File systems that
// can't sync a directory answer EINVAL, and need none.
func (t Target) syncDirectory() error {
	dir, err := os.Open(filepath.Dir(t.Path))
	if err != nil {
		return nil // a directory that can be written but not read: the file is there
	}
	defer func() { _ = dir.Close() }()
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return t.failed(err)
	}
	return nil
}

func (t Target) failed(err error) error {
	e := &fault.Error{Class: fault.Permanent, Type: "output-not-written", Where: t.Path, Title: "the deliverable could not be written", Err: err}
	if errors.Is(err, syscall.ENOSPC) {
		e.Type, e.Title, e.Err = "no-space", "no space left to write the deliverable", nil
		e.Hint = "free some and run the command again: it reuses every encoded chunk"
	}
	return e
}

// sink remembers its own failure apart from that of whoever writes to it.
type sink struct {
	to  io.Writer
	err error
}

func (m *sink) Write(p []byte) (int, error) {
	n, err := m.to.Write(p)
	if err != nil {
		m.err = err
	}
	return n, err
}
