package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// report is what encode --json prints.
type report struct {
	ID, State, Output string
	Frames            int
	Chunks            struct{ Total, Encoded, Reused int }
	Bytes             int64
	Error             *struct{ Type, Detail string }
}

// encode runs encode --json to its end.
func encode(t *testing.T, dir string, args ...string) (report, int) {
	t.Helper()
	c := command(t, dir, append([]string{"encode", "--json", "--data", "data"}, args...)...)
	code := c.run()
	var r report
	if err := json.Unmarshal([]byte(c.stdout.String()), &r); err != nil {
		t.Fatalf("%v in %q\nstderr: %s", err, &c.stdout, &c.stderr)
	}
	return r, code
}

func TestEncodeTwiceEncodesOnce(t *testing.T) {
	dir := t.TempDir()
	clip(t, filepath.Join(dir, "in.mkv"), "-g", "15")
	args := []string{"in.mkv", "--preset", "ultrafast", "--chunk-min", "0.5", "--chunk-max", "1"}
	first, code := encode(t, dir, append(args, "-o", "a.mp4")...)
	if code != 0 || first.State != "done" || first.Frames != 60 || first.Chunks.Encoded < 2 {
		t.Fatalf("exit code %d, %+v, %+v", code, first, first.Error)
	}
	second, code := encode(t, dir, append(args, "-o", "b.mp4")...)
	if code != 0 || second.Chunks.Encoded != 0 || second.Chunks.Reused != first.Chunks.Total {
		t.Fatalf("exit code %d, %+v", code, second)
	}
	if a, b := content(t, first.Output), content(t, second.Output); a != b || int64(len(a)) != first.Bytes {
		t.Errorf("the deliverables differ: %d and %d bytes", len(a), len(b))
	}
	if _, code := encode(t, dir, append(args, "-o", "a.mp4")...); code != 2 {
		t.Errorf("a deliverable is replaced without --force: exit code %d", code)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
	onlyChunks(t, filepath.Join(dir, "data", "objects", "reweave"))
}

// onlyChunks finds what the store holds besides chunks, plans, manifests and notes of sources.
func onlyChunks(t *testing.T, bucket string) {
	t.Helper()
	chunks := 0
	err := filepath.WalkDir(bucket, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
		case strings.HasPrefix(path, filepath.Join(bucket, "chunks")):
			chunks++
		case filepath.Ext(path) != ".json" && filepath.Ext(path) != ".source":
			t.Errorf("the store still holds %s", path)
		}
		return nil
	})
	if err != nil || chunks == 0 {
		t.Errorf("%d chunks in the store, %v", chunks, err)
	}
}

func TestEncodeFromPipe(t *testing.T) {
	dir := t.TempDir()
	clip(t, filepath.Join(dir, "in.mkv"))
	in, err := os.Open(filepath.Join(dir, "in.mkv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	c := command(t, dir, "encode", "-", "-o", "out.mkv", "--data", "data", "--preset", "ultrafast", "--quiet")
	c.Stdin = in
	if code := c.run(); code != 0 || c.stdout.String()+c.stderr.String() != "" {
		t.Fatalf("exit code %d: %s%s", code, &c.stdout, &c.stderr)
	}
	if content(t, filepath.Join(dir, "out.mkv")) == "" {
		t.Error("OUTPUT is empty")
	}
}

func TestEncodeOfNoVideoFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in.mp4"), []byte("this is no video, though its name says so"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, code := encode(t, dir, "in.mp4", "-o", "out.mp4")
	if code != 2 || r.State != "failed" || r.ID == "" || r.Error == nil || !strings.Contains(r.Error.Detail, "in.mp4") {
		t.Errorf("exit code %d, %+v, %+v", code, r, r.Error)
	}
}

// TestEncodeUsesTheServerThatHasTheDirectory encodes while a server has the data.
func TestEncodeUsesTheServerThatHasTheDirectory(t *testing.T) {
	dir := t.TempDir()
	clip(t, filepath.Join(dir, "in.mkv"))
	s := command(t, dir, "serve", "--listen", "127.0.0.1:0", "--data", "data").start()
	s.await(&s.stdout, "reweave serves at ")
	c := command(t, dir, "encode", "in.mkv", "-o", "out.mov", "--data", "data", "--preset", "ultrafast")
	if code := c.run(); code != 0 || !strings.Contains(c.stderr.String(), "using the server at http://127.0.0.1:") {
		t.Errorf("exit code %d: %s%s", code, &c.stdout, &c.stderr)
	}
	if content(t, filepath.Join(dir, "out.mov")) == "" {
		t.Error("OUTPUT is empty")
	}
	s.signal(syscall.SIGTERM)
	if code := s.exit(); code != 0 {
		t.Errorf("the server: exit code %d: %s", code, &s.stderr)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
