package deliverable

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
)

func TestCheckRefusals(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.mp4")
	write(t, in, "the source")
	info, err := os.Stat(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "dir.mkv"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(in, filepath.Join(dir, "link.mp4")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "old.mov"), "old")
	for _, c := range []struct {
		name  string
		path  string
		force bool
		want  string
	}{
		{"no extension", "out", false, "out: the name doesn't say which container to write (end it in .mp4, .mov, .mkv, .ivf)"},
		{"other extension", "out.avi", false, "end it in .mp4"},
		{"stdout", "-", true, "end it in .mp4"},
		{"exists", "old.mov", false, "exists already (add --force to replace it)"},
		{"is the input", "in.mp4", true, "OUTPUT is the same file as INPUT"},
		{"links to the input", "link.mp4", true, "OUTPUT is the same file as INPUT"},
		{"directory", "dir.mkv", true, "is a directory (name a file in it)"},
		{"no directory", "no/out.mp4", false, "no doesn't exist (create it first)"},
		{"under a file", "old.mov/out.mp4", false, "not a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.path
			if path != "-" {
				path = filepath.Join(dir, path)
			}
			_, err := Check(path, c.force, info)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if fault.Of(err) != fault.User {
				t.Errorf("class %v, want User", fault.Of(err))
			}
		})
	}
}

func TestContainers(t *testing.T) {
	for path, want := range map[string]string{"a.mp4": "mp4", "a.b.MOV": "mov", "/x/.y/a.mkv": "mkv", "a.ivf": "ivf"} {
		if got, err := ContainerOf(path); err != nil || got != want {
			t.Errorf("ContainerOf(%q) = %q, %v, want %q", path, got, err, want)
		}
	}
}

func TestWriteReplacesWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.mp4")
	write(t, path, "old")
	target := checked(t, path)
	err := target.Write(func(w io.Writer) error {
		if _, err := io.WriteString(w, "new "); err != nil {
			return err
		}
		if got := read(t, path); got != "old" {
			t.Errorf("while it is written, OUTPUT holds %q", got)
		}
		_, err := io.WriteString(w, "deliverable")
		return err
	}, func(proved string) error {
		if got := read(t, proved) + ", not " + read(t, path); got != "new deliverable, not old" {
			t.Errorf("what is proved is %s", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "new deliverable" {
		t.Errorf("OUTPUT holds %q", got)
	}
	onlyFiles(t, dir, "out.mp4")
}

func TestWriteLeavesNothingBehind(t *testing.T) {
	broken := errors.New("connection lost")
	for name, c := range map[string]struct {
		fill  func(io.Writer) error
		err   string
		prove error
	}{
		"broken off": {func(w io.Writer) error { _, _ = io.WriteString(w, "wh"); return broken }, "connection lost", nil},
		"not proved": {func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }, "frame 7", errors.New("frame 7")},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "out.mkv")
			write(t, path, "old")
			err := checked(t, path).Write(c.fill, func(string) error { return c.prove })
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Fatalf("got %v, want %q", err, c.err)
			}
			if got := read(t, path); got != "old" {
				t.Errorf("OUTPUT holds %q", got)
			}
			onlyFiles(t, dir, "out.mkv")
		})
	}
}

func TestNoSpaceIsSaid(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = full.Close() }()
	_, err = full.WriteString("x")
	got := Target{Path: "/out.mp4"}.failed(err)
	if want := "/out.mp4: no space left to write the deliverable (free some"; !strings.HasPrefix(got.Error(), want) {
		t.Errorf("got %q, want %q…", got, want)
	}
}

func TestWriteThroughLink(t *testing.T) {
	dir, far := t.TempDir(), t.TempDir()
	write(t, filepath.Join(far, "real.mp4"), "old")
	link := filepath.Join(dir, "out.mp4")
	if err := os.Symlink(filepath.Join(far, "real.mp4"), link); err != nil {
		t.Fatal(err)
	}
	err := checked(t, link).Write(func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(far, "real.mp4")); got != "new" {
		t.Errorf("the file behind the link holds %q", got)
	}
	onlyFiles(t, far, "real.mp4")
}

func TestSweepTakesOnlyLeftovers(t *testing.T) {
	dir := t.TempDir()
	target := checked(t, filepath.Join(dir, "out.mp4"))
	alive, err := target.create()
	if err != nil {
		t.Fatal(err)
	}
	// A killed process leaves its file, and the kernel drops its lock.
	write(t, target.tempName("DEADBEEF00"), "half")
	write(t, filepath.Join(dir, ".other.mp4"+infix+"DEADBEEF00"), "another target's")
	if err := target.Sweep(); err != nil {
		t.Fatal(err)
	}
	onlyFiles(t, dir, filepath.Base(alive.Name()), ".other.mp4"+infix+"DEADBEEF00")
	if err := alive.discard(); err != nil {
		t.Fatal(err)
	}
	onlyFiles(t, dir, ".other.mp4"+infix+"DEADBEEF00")
}

func checked(t *testing.T, path string) Target {
	t.Helper()
	target, err := Check(path, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func onlyFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if len(got) != len(want) {
		t.Fatalf("the directory holds %q, want %q", got, want)
	}
	for _, name := range want {
		if !strings.Contains("\n"+strings.Join(got, "\n")+"\n", "\n"+name+"\n") {
			t.Errorf("the directory holds %q, want %q", got, want)
		}
	}
}
