package embed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/fault"
)

func TestDirFault(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.EACCES: "bad-data-dir", syscall.EPERM: "bad-data-dir", syscall.EROFS: "bad-data-dir",
		syscall.ENOTDIR: "bad-data-dir", syscall.ENOSPC: "no-space", syscall.EDQUOT: "no-space", syscall.EIO: "",
	} {
		err := dirFault("/data", fmt.Errorf("write: %w", &os.PathError{Op: "open", Path: "/data/x", Err: errno}))
		f, ok := errors.AsType[*fault.Error](err)
		if !errors.Is(err, errno) || ok != (want != "") || ok && (f.Class != fault.User || f.Type != want || f.Hint == "" || f.Where != "/data") {
			t.Errorf("%v becomes %v (%+v), want %q", errno, err, f, want)
		}
	}
}

func TestWholeReader(t *testing.T) {
	for _, c := range []struct {
		has, announced int64
		whole          bool
	}{{5, 5, true}, {4, 5, false}, {0, 5, false}, {0, 0, true}} {
		_, err := io.ReadAll(whole(bytes.NewReader(make([]byte, c.has)), &c.announced))
		if (err == nil) != c.whole || errors.Is(err, io.ErrUnexpectedEOF) { // which versitygw ignores
			t.Errorf("%d of %d bytes: %v", c.has, c.announced, err)
		}
	}
}

func TestSweep(t *testing.T) {
	root := t.TempDir()
	now := time.Now()
	files := map[string]time.Duration{
		"reweave/chunks/ab/old":                 99 * time.Hour,
		"reweave/.sgwtmp/orphan":                time.Minute,
		"reweave/.sgwtmp/multipart/k1/stale/1":  25 * time.Hour,
		"reweave/.sgwtmp/multipart/k2/stale/1":  25 * time.Hour,
		"reweave/.sgwtmp/multipart/k2/recent/1": 23 * time.Hour,
	}
	for name, age := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Dir(path), time.Time{}, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if err := sweep(root, now); err != nil {
		t.Fatal(err)
	}
	var left []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if !d.IsDir() {
			rel, _ := filepath.Rel(root, path) // path is below root
			left = append(left, rel)
		}
		return err
	})
	if err != nil || !slices.Equal(left, []string{"reweave/.sgwtmp/multipart/k2/recent/1", "reweave/chunks/ab/old"}) {
		t.Errorf("left are %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(root, "reweave/.sgwtmp/multipart/k1")); !os.IsNotExist(err) {
		t.Errorf("an empty directory is left: %v", err)
	}
}
