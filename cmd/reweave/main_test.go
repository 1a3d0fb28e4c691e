package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestVersionNamesFFmpegAndItsEncoders(t *testing.T) {
	c := command(t, t.TempDir(), "version")
	if code := c.run(); code != 0 {
		t.Fatalf("exit code %d: %s", code, &c.stderr)
	}
	for _, want := range []string{"reweave ", "ffmpeg version ", "libx264"} {
		if !strings.Contains(c.stdout.String(), want) {
			t.Errorf("%q is not in %q", want, &c.stdout)
		}
	}
}

func TestWithoutFFmpegItSaysWhatToInstall(t *testing.T) {
	dir := t.TempDir()
	clip(t, filepath.Join(dir, "in.mkv"))
	c := command(t, dir, "encode", "in.mkv", "-o", "out.mp4")
	c.Env = append(c.Env, "PATH="+dir)
	if code := c.run(); code != 2 || !strings.Contains(c.stderr.String(), "ffmpeg was not found (install it") {
		t.Errorf("exit code %d: %s", code, &c.stderr)
	}
}

// TestServeAnswersAndDrains starts a server, finds it by its data directory, and ends
// it by SIGTERM.
func TestServeAnswersAndDrains(t *testing.T) {
	dir := t.TempDir()
	s := command(t, dir, "serve", "--listen", "127.0.0.1:0", "--data", "data").start()
	s.await(&s.stdout, "reweave serves at ")
	url := strings.TrimSpace(strings.TrimPrefix(s.stdout.String(), "reweave serves at "))
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/metrics": 200, "/openapi.yaml": 200, "/nothing": 404} {
		if got := status(t, url+path); got != want {
			t.Errorf("%s answers %d, want %d", path, got, want)
		}
	}
	ls := command(t, dir, "ls", "--server", url, "--json")
	if code := ls.run(); code != 0 || strings.TrimSpace(ls.stdout.String()) != "[]" {
		t.Errorf("ls: exit code %d: %s%s", code, &ls.stdout, &ls.stderr)
	}
	second := command(t, dir, "serve", "--listen", "127.0.0.1:0", "--data", "data")
	if code := second.run(); code != 2 || !strings.Contains(second.stderr.String(), "which serves at "+url) {
		t.Errorf("a second server: exit code %d: %s", code, &second.stderr)
	}
	s.signal(syscall.SIGTERM)
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d: %s", code, &s.stderr)
	}
}

// TestServeWithoutAPIAnswersForHealth runs a part of the services only.
func TestServeWithoutAPIAnswersForHealth(t *testing.T) {
	s := command(t, t.TempDir(), "serve", "--only", "muxer,splitter", "--listen", "127.0.0.1:0").start()
	const says = "reweave answers for its health at "
	s.await(&s.stdout, says)
	url := strings.TrimSpace(strings.TrimPrefix(s.stdout.String(), says))
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/metrics": 200, "/v1/jobs": 404} {
		if got := status(t, url+path); got != want {
			t.Errorf("%s answers %d, want %d", path, got, want)
		}
	}
	s.signal(syscall.SIGINT)
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d: %s", code, &s.stderr)
	}
}

// TestServicesJoinAServer runs the encoder in a process of its own.
func TestServicesJoinAServer(t *testing.T) {
	dir := t.TempDir()
	clip(t, filepath.Join(dir, "in.mkv"))
	s := command(t, dir, "serve", "--only", "api,splitter,muxer", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--data", "data").start()
	s.await(&s.stdout, "join.env\n")
	settings := strings.Fields(content(t, filepath.Join(dir, "data", "join.env")))
	w := command(t, dir, "serve", "--only", "encoder", "--listen", "127.0.0.1:0")
	w.Env = append(w.Env, settings...)
	w.start().await(&w.stdout, "reweave answers for its health")
	url, _, _ := strings.Cut(strings.TrimPrefix(s.stdout.String(), "reweave serves at "), "\n")
	c := command(t, dir, "encode", "in.mkv", "-o", "out.mp4", "--server", url, "--preset", "ultrafast")
	if code := c.run(); code != 0 || !strings.Contains(c.stderr.String(), "uploading in.mkv: 100 %") {
		t.Errorf("exit code %d: %s%s\nserver: %s\nworker: %s", code, &c.stdout, &c.stderr, &s.stderr, &w.stderr)
	}
	for _, p := range []*child{w, s} {
		p.signal(syscall.SIGTERM)
		if code := p.exit(); code != 0 {
			t.Errorf("%q: exit code %d: %s", p.Args, code, &p.stderr)
		}
	}
	gone(t, dir)
}

func status(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// TestEncodeWaitsForTheDirectory has the directory locked by somebody who serves
// nothing, and interrupts the wait.
func TestEncodeWaitsForTheDirectory(t *testing.T) {
	dir := t.TempDir()
	clip(t, filepath.Join(dir, "in.mkv"))
	lock := lockDir(t, filepath.Join(dir, "data"), `{"pid":4711}`)
	defer func() { _ = lock.Close() }()
	c := command(t, dir, "encode", "in.mkv", "-o", "out.mp4", "--data", "data").start()
	c.await(&c.stderr, "waiting for another reweave (pid 4711) that uses "+filepath.Join(dir, "data"))
	c.signal(syscall.SIGINT)
	if code := c.exit(); code != 130 {
		t.Errorf("exit code %d: %s", code, &c.stderr)
	}
	if !strings.Contains(c.stderr.String(), "interrupted (run the same command again to resume") {
		t.Errorf("stderr: %s", &c.stderr)
	}
	if strings.Count(c.stderr.String(), "waiting") != 1 {
		t.Errorf("it says more than once what it waits for: %s", &c.stderr)
	}
}

func TestGoneServerIsToldAsJSON(t *testing.T) {
	dir := t.TempDir()
	clip(t, filepath.Join(dir, "in.mkv"))
	lock := lockDir(t, filepath.Join(dir, "data"), `{"pid":4711,"addr":"http://127.0.0.1:1"}`)
	defer func() { _ = lock.Close() }()
	// The server that has the directory is gone: the client tries for a while.
	c := command(t, dir, "encode", "in.mkv", "-o", "out.mp4", "--data", "data", "--json").start()
	code := c.exit()
	var got struct {
		ID, State string
		Error     struct{ Type string }
	}
	if err := json.Unmarshal([]byte(c.stdout.String()), &got); err != nil {
		t.Fatalf("%v in %q", err, &c.stdout)
	}
	if code != 1 || got.State != "failed" || !strings.HasSuffix(got.Error.Type, "/server-unreachable") {
		t.Errorf("exit code %d, %+v", code, got)
	}
	if _, err := os.Stat(filepath.Join(dir, "out.mp4")); err == nil {
		t.Error("there is an OUTPUT")
	}
}

// lockDir locks a data directory as another process would.
func lockDir(t *testing.T, dir, holder string) *os.File {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "holder.json"), []byte(holder), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestS3SaysWhereItListens runs the S3 server as compose does: its log says that it serves.
func TestS3SaysWhereItListens(t *testing.T) {
	c := command(t, t.TempDir(), "s3", "--listen", "127.0.0.1:0", "--data", "data")
	c.Env = append(c.Env, "REWEAVE_S3_ACCESS_KEY=a", "REWEAVE_S3_SECRET_KEY=s")
	c.start()
	c.await(&c.stdout, "the S3 server listens on 127.0.0.1:0\n")
	c.signal(syscall.SIGTERM)
	if code := c.exit(); code != 0 {
		t.Errorf("exit code %d: %s", code, &c.stderr)
	}
}
