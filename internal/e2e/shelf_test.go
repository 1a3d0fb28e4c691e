package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/pkg/media/mediatest"
)

// shelf keeps what several tests begin with, so that each is made once: films, and
// deliverables with the data directory that they were made in. Nobody changes what lies
// there; a test that must works on a copy.
var shelf struct {
	sync.Mutex
	dir    string
	places map[string]*place
}

// place is a directory of the shelf.
type place struct {
	sync.Mutex
	dir    string
	filled bool
}

// openShelf makes the shelf; TestMain calls it, and what it returns at the end.
func openShelf() (remove func(), err error) {
	shelf.dir, err = os.MkdirTemp("", "reweave-e2e-shelf-*")
	shelf.places = map[string]*place{}
	return func() { _ = os.RemoveAll(shelf.dir) }, err // what stays is in the system's temporary directory
}

// shelved returns the directory that was filled under a key. Who wants it while it is being
// filled waits; when that fails, the next one fills it.
func shelved(t *testing.T, key string, fill func(dir string)) string {
	t.Helper()
	shelf.Lock()
	at := shelf.places[key]
	if at == nil {
		at = &place{dir: filepath.Join(shelf.dir, strconv.Itoa(len(shelf.places)))}
		shelf.places[key] = at
	}
	shelf.Unlock()
	at.Lock()
	defer at.Unlock()
	if at.filled {
		return at.dir
	}
	if err := os.RemoveAll(at.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	fill(at.dir)
	at.filled = true
	return at.dir
}

// kept returns a film that ffmpeg makes of the arguments, which read no file. Nobody may
// change it.
func kept(t *testing.T, name string, args ...string) string {
	t.Helper()
	return filepath.Join(shelved(t, name+"\x00"+strings.Join(args, "\x00"), func(dir string) {
		mediatest.Run(t, append(append([]string{"-y"}, args...), filepath.Join(dir, name))...)
	}), name)
}

// copied returns a copy of a file, for a test that moves or removes it.
func copied(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// based returns a directory of the test's own in which a film was encoded to base, with the
// data of that.
func based(t *testing.T, film, base string, args ...string) string {
	t.Helper()
	all := append([]string{"encode", film, "-o", base}, args...)
	from := shelved(t, strings.Join(all, "\x00"), func(dir string) { e2e.Command(t, dir, all...).Succeed() })
	dir := t.TempDir()
	// The store's objects have attributes, which Go's own copy would leave behind.
	if said, err := exec.CommandContext(t.Context(), "cp", "-a", from+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("copy the data of %s: %v\n%s", base, err, said)
	}
	return dir
}
