package worker_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/reweave/reweave/pkg/worker"
)

// scratch opens a scratch directory below base and one for a piece of work in it.
func scratch(t *testing.T, base string) (s *worker.Scratch, dir string) {
	t.Helper()
	s, err := worker.OpenScratch(base)
	if err != nil {
		t.Fatal(err)
	}
	dir, _, err = s.Dir("encode")
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func there(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func TestScratchIsEmptyBehindItsWork(t *testing.T) {
	base := filepath.Join(t.TempDir(), "not", "there", "yet")
	s, first := scratch(t, base)
	second, remove, err := s.Dir("encode")
	if err != nil || second == first || !strings.HasPrefix(second, base) {
		t.Fatalf("%s, then %s, %v", first, second, err)
	}
	if err := os.WriteFile(filepath.Join(second, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	remove()
	if there(t, second) || !there(t, first) {
		t.Errorf("behind the second: first %v, second %v", there(t, first), there(t, second))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(base); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// What lives is left alone; what a killed process left is removed by the next one.
func TestScratchSweepsWhatTheDeadLeft(t *testing.T) {
	base := t.TempDir()
	living, livingDir := scratch(t, base)
	defer living.Close()
	dead := filepath.Join(base, "reweave-scratch-dead")
	foreign := filepath.Join(base, "somebody-elses")
	for _, dir := range []string{filepath.Join(dead, "encode-1"), foreign} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(dead+".lock", nil, 0o600); err != nil { // a lock that nobody holds
		t.Fatal(err)
	}
	next, nextDir := scratch(t, base)
	defer next.Close()
	if there(t, dead) || there(t, dead+".lock") {
		t.Error("what the dead process left is still there")
	}
	if !there(t, livingDir) || !there(t, nextDir) || !there(t, foreign) {
		t.Error("what is in use was removed")
	}
}

func TestScratchElsewhere(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s, dir := scratch(t, "")
	defer s.Close()
	if !strings.HasPrefix(dir, os.Getenv("TMPDIR")) {
		t.Errorf("%s", dir)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := worker.OpenScratch(file); err == nil || !strings.Contains(err.Error(), "make scratch directory") {
		t.Errorf("%v", err)
	}
}

// Many that begin at once take none of the others' locks for stale: the directory of one
// that is killed later on would stay for ever.
func TestScratchesOpenedAtOnce(t *testing.T) {
	base := t.TempDir()
	var all sync.WaitGroup
	scratches := make([]*worker.Scratch, 200)
	for i := range scratches {
		all.Go(func() {
			var err error
			if scratches[i], err = worker.OpenScratch(base); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, s := range scratches {
		dir, _, err := s.Dir("encode")
		if err != nil || !there(t, filepath.Dir(dir)+".lock") {
			t.Errorf("a scratch directory has no lock, or is gone: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
