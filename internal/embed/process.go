package embed

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"go.uber.org/zap"
)

// childStart bounds the wait for a process to serve.
const childStart = 10 * time.Second

// process is one process of a child.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ready chan struct{} // closed when it serves
	gone  chan struct{} // closed when it is dead and err is set
	err   error         // how it ended; never nil then
}

// launch starts a process and waits until it serves.
func (k *child) launch(ctx context.Context) (*process, error) {
	line, err := json.Marshal(k.order)
	if err != nil {
		return nil, fmt.Errorf("encode order: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	p := &process{cmd: exec.Command(self), ready: make(chan struct{}), gone: make(chan struct{})} //nolint:noctx // it ends with its stdin
	p.cmd.Env = append(childEnviron(), childEnv+"=1")
	p.cmd.Dir = k.order.Root
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	said, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	p.cmd.Stderr = p.cmd.Stdout
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start process: %w", err)
	}
	go p.watch(said, k.log)
	if _, err = p.stdin.Write(append(line, '\n')); err == nil {
		err = p.await(ctx)
	}
	if err != nil {
		p.end(0)
		if !errors.Is(err, p.err) {
			err = fmt.Errorf("%w; %w", err, p.err)
		}
		return nil, err
	}
	return p, nil
}

// childEnviron is what of the environment a server can need: no secrets.
func childEnviron() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "SYSTEMROOT", "GOMEMLIMIT", "GOCOVERDIR", "TZ"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func (p *process) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, childStart, errors.New("it did not serve in time"))
	defer cancel()
	select {
	case <-p.ready:
		return nil
	case <-p.gone:
		return p.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// watch reads what the process says until it ends, and then waits for it.
func (p *process) watch(said io.Reader, log *zap.Logger) {
	var last string
	lines := bufio.NewScanner(said)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch line := plain(lines.Text()); {
		case line == readyLine:
			close(p.ready)
		case line == "", strings.HasPrefix(line, "No IAM service configured"), strings.HasPrefix(line, "Using sidecar directory"):
		default:
			last = ": " + line
			log.Warn(line)
		}
	}
	_, _ = io.Copy(io.Discard, said) // a line too long must not block the server
	_ = p.cmd.Wait()                 // its state says the same
	p.err = fmt.Errorf("the process ended with %s%s", p.cmd.ProcessState, last)
	close(p.gone)
}

// colour matches the terminal codes that versitygw prints around its errors.
var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

func plain(line string) string { return strings.TrimSpace(colour.ReplaceAllString(line, "")) }

// end closes the process's standard input, and kills it when it is not gone after
// patience.
func (p *process) end(patience time.Duration) {
	_ = p.stdin.Close() // it may be dead already
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-p.gone:
		return
	case <-t.C:
	}
	_ = p.cmd.Process.Kill() // it may just have died
	<-p.gone
}
