package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// process is a child of the harness. It is ended by its own number, never by a name,
// and by the kernel when the harness dies.
type process struct {
	name  string
	cmd   *exec.Cmd
	gone  chan struct{} // closed when it is dead
	since time.Time
	ended atomic.Bool // the harness meant it to end
}

// spawn starts a program, with its output appended to a log file of its name.
func (w *world) spawn(name, path string, env []string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(w.dir, "log", name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{name: name, cmd: exec.Command(path), gone: make(chan struct{}), since: time.Now()} //nolint:noctx // it ends by end
	p.cmd.Env = env
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Dir = w.dir
	p.cmd.SysProcAttr = childAttr()
	if w.fleet.space[name] != "" {
		p.cmd.SysProcAttr = mountAttr(p.cmd.SysProcAttr)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	fmt.Fprintf(log, "--- %s starts as process %d\n", name, p.cmd.Process.Pid)
	go func() {
		_ = p.cmd.Wait() // its state tells the same
		close(p.gone)
	}()
	return p, nil
}

// signal sends a signal; a process that is gone already takes none.
func (p *process) signal(s syscall.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		panic(fmt.Sprintf("signal %s: %v", p.name, err)) // our own child
	}
}

// kill ends the process as a crash does and waits until it is gone.
func (p *process) kill() {
	p.ended.Store(true)
	p.signal(syscall.SIGKILL)
	<-p.gone
}

// alive reports whether the process still runs.
func (p *process) alive() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// drain asks the process to end in good order, and fails when it does not.
func (p *process) drain() error {
	p.ended.Store(true)
	p.signal(syscall.SIGTERM)
	select {
	case <-p.gone:
		return nil
	case <-time.After(drainLimit):
		p.dump()
		return fmt.Errorf("%s did not end within %s of SIGTERM", p.name, drainLimit)
	}
}

// dumpLimit bounds how long a process may take to tell what it is at.
const dumpLimit = 10 * time.Second

// dump ends the process, frozen or not, and has it say in its log what its goroutines were at.
func (p *process) dump() {
	p.ended.Store(true)
	p.signal(syscall.SIGCONT)
	p.signal(syscall.SIGQUIT)
	select {
	case <-p.gone:
	case <-time.After(dumpLimit):
		p.kill()
	}
}

// freePort returns a port of this machine that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// pollEvery is the time between two looks at a condition.
const pollEvery = 20 * time.Millisecond

// await waits until cond holds.
func await(ctx context.Context, limit time.Duration, what string, cond func() (bool, error)) error {
	inTime, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var last error
	for {
		ok, err := cond()
		if ok && err == nil {
			return nil
		}
		last = err
		select {
		case <-inTime.Done():
			if ctx.Err() != nil {
				return fmt.Errorf("wait for %s: %w", what, ctx.Err())
			}
			return errors.Join(fmt.Errorf("waited %s in vain for %s", limit, what), last)
		case <-tick.C:
		}
	}
}

// rest waits for a time: how long a fault lasts is part of it.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
