package e2e

import (
	"bytes"
	"context"
	"encoding/json"
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

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

// programLimit bounds one run of the program on a busy machine.
const programLimit = 3 * time.Minute

// program builds the program under test once, into a directory of its own.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "reweave-e2e-*")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // a test runs it as another user
		return "", err
	}
	path := filepath.Join(dir, "reweave")
	// Without what only a debugger reads, linking takes half as long.
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, ".") //nolint:noctx // go test's own limit bounds it
	build.Dir = filepath.Join("..", "..", "cmd", "reweave")
	if said, err := build.CombinedOutput(); err != nil {
		return path, fmt.Errorf("build the program under test: %w\n%s", err, said)
	}
	return path, nil
})

// RemoveProgram removes the program that tests had built. TestMain calls it at the end.
func RemoveProgram() {
	if path, _ := program(); path != "" {
		_ = os.RemoveAll(filepath.Dir(path)) // what stays is in the system's temporary directory
	}
}

// Program is a run of the command line.
type Program struct {
	*exec.Cmd
	// Stdout and Stderr are what it has printed so far.
	Stdout, Stderr Screen

	t    testing.TB
	dir  string
	done chan struct{}
	err  error
}

// Command prepares a run in dir, which is its home, holds its temporary files in tmp,
// and is where relative paths begin. Its environment names no server. The test ends
// the program if it still runs then.
func Command(t testing.TB, dir string, args ...string) *Program {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), programLimit)
	p := &Program{Cmd: exec.CommandContext(ctx, path, args...), t: t, dir: dir, done: make(chan struct{})}
	p.Dir = dir
	p.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + tmp}
	p.Cmd.Stdout, p.Cmd.Stderr = &p.Stdout, &p.Stderr
	p.WaitDelay = 10 * time.Second
	t.Cleanup(func() {
		cancel()
		if p.Process != nil {
			<-p.done
		}
	})
	return p
}

// Within has the program run by a command, whose last argument it becomes with its own.
func (p *Program) Within(command ...string) {
	p.t.Helper()
	path, err := exec.LookPath(command[0])
	if err != nil {
		p.t.Fatal(err)
	}
	p.Args = append(append(command, p.Path), p.Args[1:]...)
	p.Path = path
}

// Begin starts the program.
func (p *Program) Begin() *Program {
	p.t.Helper()
	if err := p.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		p.err = p.Wait()
	}()
	return p
}

// Exit waits for the end and returns the exit code, -1 for a death by signal.
func (p *Program) Exit() int {
	p.t.Helper()
	<-p.done
	if exit := (*exec.ExitError)(nil); p.err != nil && !errors.As(p.err, &exit) {
		p.t.Fatalf("%s: %v\n%s", p, p.err, &p.Stderr)
	}
	return p.ProcessState.ExitCode()
}

// Run starts the program and returns its exit code.
func (p *Program) Run() int { p.t.Helper(); return p.Begin().Exit() }

// Kill sends the program a signal.
func (p *Program) Kill(s syscall.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// Running reports whether the program has not ended yet.
func (p *Program) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Result is what --json prints.
type Result struct {
	ID            string         `json:"id"`
	State         job.State      `json:"state"`
	Output        string         `json:"output"`
	Frames        int            `json:"frames"`
	Duration      float64        `json:"duration"`
	Chunks        job.Chunks     `json:"chunks"`
	WallSeconds   float64        `json:"wall_seconds"`
	EncodeSeconds float64        `json:"encode_seconds"`
	Bytes         int64          `json:"bytes"`
	Notes         []string       `json:"notes"`
	Error         *fault.Problem `json:"error"`
}

// Result reads what --json printed, which is one object and nothing else.
func (p *Program) Result() (r Result) {
	p.t.Helper()
	dec := json.NewDecoder(strings.NewReader(p.Stdout.String()))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil || dec.More() {
		p.t.Fatalf("%s printed %q: %v\nstderr: %s", p, &p.Stdout, err, &p.Stderr)
	}
	return r
}

// Succeed runs the program, which must have --json among its arguments, and wants it
// to succeed and to leave no process behind.
func (p *Program) Succeed() Result {
	p.t.Helper()
	if code := p.Run(); code != 0 {
		p.t.Fatalf("%s: exit code %d\n%s", p, code, &p.Stderr)
	}
	p.Gone()
	r := p.Result()
	if r.State != job.Done || r.Error != nil || r.Chunks.Encoded+r.Chunks.Reused != r.Chunks.Total {
		p.t.Errorf("%s succeeds with %+v", p, r)
	}
	return r
}

// goneLimit is how long the children of a dead process may take to notice.
const goneLimit = 15 * time.Second

// Gone waits until no process is left that the program started: its children are told
// its directory for temporary files.
func (p *Program) Gone() {
	p.t.Helper()
	testenv.Await(p.t, goneLimit, "the end of all processes that "+filepath.Base(p.Path)+" started",
		func() bool { return len(Processes(p.dir)) == 0 })
}

// Processes returns the command lines of the processes whose environment or arguments
// name dir, by their ids. Those of this test are not among them.
func Processes(dir string) map[string]string {
	found := map[string]string{}
	procs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well-formed
	for _, proc := range procs {
		env, _ := os.ReadFile(filepath.Join(proc, "environ")) // unreadable once it is dead
		args, _ := os.ReadFile(filepath.Join(proc, "cmdline"))
		if bytes.Contains(env, []byte(dir)) || bytes.Contains(args, []byte(dir)) {
			found[filepath.Base(proc)] = string(bytes.ReplaceAll(args, []byte{0}, []byte{' '}))
		}
	}
	delete(found, fmt.Sprint(os.Getpid()))
	return found
}

// Screen keeps what a program prints.
type Screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds to the text.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// String returns the text so far.
func (s *Screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
