package deliverable

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/reweave/reweave/pkg/fault"
)

// Want is what is known of a deliverable before its bytes arrive. The empty digest
// is not compared.
type Want struct {
	SHA256 string
	Bytes  int64
}

// Write puts at the target what fill writes, when it is as it should be, and when prove,
// which may be nil, finds nothing wrong with the file at a path. Until then the target is
// as it was, and it stays so after any error, with nothing beside it.
func (t Target) Write(want Want, fill func(io.Writer) error, prove func(path string) error) error {
	f, err := t.create()
	if err != nil {
		return t.failed(err)
	}
	if err := t.fillAndCheck(f, want, fill); err != nil {
		_ = f.discard() // the first error is the one to tell
		return err
	}
	if prove != nil {
		if err := prove(f.Name()); err != nil {
			_ = f.discard()
			return err
		}
	}
	if err := t.publish(f); err != nil {
		_ = f.discard()
		return t.failed(err)
	}
	return t.syncDirectory()
}

func (t Target) fillAndCheck(f temp, want Want, fill func(io.Writer) error) error {
	w := &meter{to: f, sum: sha256.New()}
	err := fill(w)
	if w.err != nil {
		return t.failed(w.err)
	}
	if err != nil {
		return err
	}
	got := hex.EncodeToString(w.sum.Sum(nil))
	if want.SHA256 != "" && (got != want.SHA256 || w.n != want.Bytes) {
		return t.failed(fmt.Errorf("%d bytes with digest %s arrived where %d with %s were promised", w.n, got, want.Bytes, want.SHA256))
	}
	return nil
}

// publish flushes f and gives it the target's name. The file stays open and thus
// locked until it has it, or a sweep could take it.
func (t Target) publish(f temp) error {
	if err := f.Sync(); err != nil {
		return err
	}
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

// meter counts and digests what passes, and remembers its own failure apart from
// that of whoever writes to it.
type meter struct {
	to  io.Writer
	sum hash.Hash
	n   int64
	err error
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.to.Write(p)
	m.sum.Write(p[:n])
	m.n += int64(n)
	if err != nil {
		m.err = err
	}
	return n, err
}
