package deliverable

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// temp is a file under a temporary name. It is locked as long as it is open, and
// the kernel drops the lock with the process: an unlocked one is a leftover.
type temp struct{ *os.File }

// infix stands between a deliverable's name and the random end of a temporary one.
const infix = ".reweave-"

// create makes a temporary file beside the target, readable as the user's umask says.
func (t Target) create() (temp, error) {
	for {
		f, err := os.OpenFile(t.tempName(rand.Text()[:10]), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return temp{}, err
		}
		if lock(f) && stillThere(f) {
			return temp{f}, nil
		}
		// A sweep of another process took it between its making and its locking.
		_ = f.Close()
	}
}

func (t Target) tempName(end string) string {
	return filepath.Join(filepath.Dir(t.Path), "."+filepath.Base(t.Path)+infix+end)
}

// discard closes the file and removes it.
func (f temp) discard() error {
	err := os.Remove(f.Name())
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// Sweep removes the temporary files for this target that killed runs left behind.
// Those of a run that still lives are locked and stay.
func (t Target) Sweep() error {
	entries, err := os.ReadDir(filepath.Dir(t.Path))
	if err != nil {
		return fmt.Errorf("sweep temporary files: %w", err)
	}
	prefix := filepath.Base(t.tempName(""))
	for _, e := range entries {
		if len(e.Name()) > len(prefix) && e.Name()[:len(prefix)] == prefix && e.Type().IsRegular() {
			removeStale(filepath.Join(filepath.Dir(t.Path), e.Name()))
		}
	}
	return nil
}

// removeStale removes the file when nobody holds its lock. A failure is harmless:
// the file stays for the next sweep.
func removeStale(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	if lock(f) {
		_ = os.Remove(path)
	}
}

func lock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

func stillThere(f *os.File) bool {
	open, err1 := f.Stat()
	named, err2 := os.Stat(f.Name())
	return err1 == nil && err2 == nil && os.SameFile(open, named)
}
