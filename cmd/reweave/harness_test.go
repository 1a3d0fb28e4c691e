package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "reweave-cli-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "reweave")
	// Without what only a debugger reads, linking takes half as long.
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, ".") //nolint:noctx // go test's own limit bounds it
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the program under test:", err)
		return 1
	}
	return m.Run()
}

// child is the program, run by a test with a home of its own.
type child struct {
	*exec.Cmd
	t              *testing.T
	stdout, stderr screen
	done           chan struct{}
	err            error
}

// command prepares a run in dir. Its environment names no server.
func command(t *testing.T, dir string, args ...string) *child {
	t.Helper()
	c := &child{Cmd: exec.CommandContext(t.Context(), binary, args...), t: t, done: make(chan struct{})}
	c.Dir = dir
	c.Env = []string{"HOME=" + dir, "XDG_DATA_HOME=" + filepath.Join(dir, "home"), "PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir}
	c.Stdout, c.Stderr = &c.stdout, &c.stderr
	c.WaitDelay = 10 * time.Second
	return c
}

func (c *child) start() *child {
	c.t.Helper()
	if err := c.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() {
		defer close(c.done)
		c.err = c.Wait()
	}()
	return c
}

// exit waits for the end and returns the exit code, -1 for a death by signal.
func (c *child) exit() int {
	c.t.Helper()
	<-c.done
	if exit := (*exec.ExitError)(nil); c.err != nil && !errors.As(c.err, &exit) {
		c.t.Fatalf("%v\nstderr: %s", c.err, &c.stderr)
	}
	return c.ProcessState.ExitCode()
}

// run starts the program and waits for its end.
func (c *child) run() int { c.t.Helper(); return c.start().exit() }

func (c *child) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// await waits until the screen shows text.
func (c *child) await(s *screen, text string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	for !strings.Contains(s.String(), text) {
		select {
		case <-s.change():
		case <-c.done:
			if !strings.Contains(s.String(), text) {
				c.t.Fatalf("it ended without saying %q\nstdout: %s\nstderr: %s", text, &c.stdout, &c.stderr)
			}
		case <-ctx.Done():
			c.t.Fatalf("%q was never said\nstdout: %s\nstderr: %s", text, &c.stdout, &c.stderr)
		}
	}
}

// gone waits until no process is left that was started with dir as its home: the
// program, its S3 server, or an ffmpeg.
func gone(t *testing.T, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		left := atHome(t, dir)
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("still running: %q", left)
		}
	}
}

// atHome lists the command lines of the processes whose home is dir.
func atHome(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range files {
		env, err := os.ReadFile(f)
		if err != nil || !bytes.Contains(env, []byte("HOME="+dir+"\x00")) {
			continue // it has just ended, or is somebody else's
		}
		if line, err := os.ReadFile(filepath.Join(filepath.Dir(f), "cmdline")); err == nil && len(line) > 0 {
			lines = append(lines, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return lines
}

// screen keeps what a child prints, and tells of changes.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// change returns a channel that closes when more is printed.
func (s *screen) change() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// clip makes a small video with ffmpeg.
func clip(t *testing.T, path string, args ...string) {
	t.Helper()
	args = append([]string{"-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=30000/1001:duration=2"}, append(args, path)...)
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
}
