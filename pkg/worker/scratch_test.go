package worker_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/reweave/reweave/pkg/worker"
)

func TestScratchSweepsBehindTheDead(t *testing.T) {
	base := t.TempDir()
	mine, removeMine, err := worker.Scratch(base, "encode-a")
	if err != nil {
		t.Fatal(err)
	}
	// A process that died leaves its lock file, and no lock; others' directories have none.
	dead, other := filepath.Join(base, "mux-b-1"), filepath.Join(base, "other")
	for _, dir := range []string{dead, other} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{filepath.Join(dead, ".reweave-lock"), filepath.Join(dead, "chunk.mp4"), filepath.Join(mine, "chunk.mp4")} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, removeNext, err := worker.Scratch(base, "encode-c")
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{mine: true, dead: false, other: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", dir, err == nil, want)
		}
	}
	removeMine()
	removeNext()
	if left, err := filepath.Glob(filepath.Join(base, "*")); err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v", left, err)
	}
}
