package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/sandbox"
)

// Command is one run of ffmpeg. Its standard error goes into a short tail that
// becomes part of the error when it fails.
type Command struct {
	cmd  *exec.Cmd
	tail tail
	args []string
	own  []io.Closer // our copies of what the child was given

	box   sandbox.Box
	rules sandbox.Rules
	ended func() // frees the sandbox once the child has ended; nil before it began
	spin  *spin  // nil before it began, and for a slow one

	spinLimit, spinEvery time.Duration
}

// Command prepares a run of ffmpeg. The child is killed, with all it started, when
// ctx ends or this process dies. args are handed over as they are; no shell is near.
func (t *Tool) Command(ctx context.Context, args ...string) *Command {
	args = append([]string{"-hide_banner", "-nostdin", "-v", "warning"}, args...)
	c := &Command{cmd: exec.CommandContext(ctx, t.ffmpeg, args...), args: args, box: t.box, spinLimit: spinLimit, spinEvery: spinEvery}
	c.cmd.Stderr = &c.tail
	c.cmd.Env = childEnv()
	c.cmd.SysProcAttr = childAttr()
	c.cmd.Cancel = func() error { return killGroup(c.cmd.Process) }
	c.cmd.WaitDelay = 5 * time.Second
	return c
}

// childEnv is what a child sees of our environment: what it needs to run at all,
// and never a credential.
func childEnv() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "LANG"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return append(env, "AV_LOG_FORCE_NOCOLOR=1")
}

// Stdin gives the child r as its standard input.
func (c *Command) Stdin(r io.Reader) { c.cmd.Stdin = r }

// largestFile is the size that S3 allows an object, and so the most that a child may
// write into one file.
const largestFile = 5 << 40

// Reads allows the child to read files, or what is in directories. It reads nothing else
// but its own libraries.
func (c *Command) Reads(paths ...string) { c.rules.Read = append(c.rules.Read, paths...) }

// Writes allows the child to make and change files in directories.
func (c *Command) Writes(dirs ...string) {
	c.rules.Write = append(c.rules.Write, dirs...)
	c.rules.FileSize = largestFile
}

// Dir sets the child's working directory.
func (c *Command) Dir(dir string) { c.cmd.Dir = dir }

// GiveStdin gives the child a file as standard input and closes ours at Start.
func (c *Command) GiveStdin(f *os.File) { c.cmd.Stdin = f; c.own = append(c.own, f) }

// Connect gives one child's standard output to another as standard input. Frames pass
// without this process between them.
func Connect(from, to *Command) error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("open pipe: %w", err)
	}
	widen(w)
	from.GiveStdout(w)
	to.GiveStdin(r)
	return nil
}

// GiveStdout gives the child a file as standard output and closes ours at Start.
func (c *Command) GiveStdout(f *os.File) { c.cmd.Stdout = f; c.own = append(c.own, f) }

// Stdout writes the child's standard output to w.
func (c *Command) Stdout(w io.Writer) { c.cmd.Stdout = w }

// Pipe returns the reading end of a pipe on which the child writes as "pipe:N". The
// first call is N = 3, the next one 4, and so on. The caller closes it.
func (c *Command) Pipe() (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open pipe: %w", err)
	}
	widen(w)
	c.cmd.ExtraFiles = append(c.cmd.ExtraFiles, w)
	c.own = append(c.own, w)
	return r, nil
}

// Slow says that the child may take any time for a frame, as encoders do: whoever starts one
// watches its frames.
func (c *Command) Slow() { c.spinLimit = 0 }

// Start starts the child.
func (c *Command) Start() error {
	var err error
	c.ended, err = c.box.Start(c.cmd, c.rules)
	for _, f := range c.own {
		f.Close()
	}
	if err != nil {
		return fmt.Errorf("start ffmpeg: %w", err)
	}
	if c.spinLimit == 0 {
		return nil
	}
	c.spin = watchSpin(c.cmd.Process.Pid, c.spinLimit, c.spinEvery, func() { _ = killGroup(c.cmd.Process) }) // it may just have died
	return nil
}

// Wait waits for the child's end. A failure is a *fault.Error of class Internal with
// the end of the child's log and how it ended; a cancelled context is its cause.
func (c *Command) Wait(ctx context.Context) error {
	err := c.cmd.Wait()
	if c.ended != nil {
		c.ended()
		c.ended = nil
	}
	var endless error
	if c.spin != nil {
		endless = c.spin.end()
		c.spin = nil
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil:
		return nil
	case endless != nil:
		return endless
	}
	failed := &fault.Error{Type: "ffmpeg-failed", Title: "ffmpeg failed", Where: c.tail.lastLine(), Log: c.Log()}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		failed.Title += " with " + exit.String()
	} else {
		failed.Err = err // such as what reading its standard input gave
	}
	return failed
}

// Run starts the child and waits for its end.
func (c *Command) Run(ctx context.Context) error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait(ctx)
}

// run runs a child to its end.
func run(cmd *exec.Cmd, box sandbox.Box, rules sandbox.Rules) error {
	ended, err := box.Start(cmd, rules)
	if err != nil {
		return err
	}
	defer ended()
	return cmd.Wait()
}

// CPUSeconds is the CPU time of the finished child.
func (c *Command) CPUSeconds() float64 {
	if c.cmd.ProcessState == nil {
		return 0
	}
	return (c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime()).Seconds()
}

// PeakMemory is the most memory that the finished child held at once, in bytes; 0 where
// the system doesn't tell.
func (c *Command) PeakMemory() int64 {
	if c.cmd.ProcessState == nil {
		return 0
	}
	return peakOf(c.cmd.ProcessState)
}

// Log returns the end of what the child said.
func (c *Command) Log() string { return c.tail.String() }

// Watch has Seen return the first line of the child's log that matches sign, which Log
// may have lost by the end. It is called before Start.
func (c *Command) Watch(sign *regexp.Regexp) { c.tail.sign = sign }

// Seen returns the line that [Command.Watch] looked for, or "".
func (c *Command) Seen() string { return c.tail.seenLine() }

// String returns the command line, as a person would type it.
func (c *Command) String() string { return "ffmpeg " + strings.Join(c.args, " ") }

// killGroup kills the child and all it started.
func killGroup(p *os.Process) error {
	err := syscall.Kill(-p.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
