package cli

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"

	"github.com/reweave/reweave/pkg/fault"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUser        = 2
	exitInterrupted = 130
)

// problem is an error that a server told, or that a failed job holds.
type problem struct{ fault.Problem }

func (p problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

// The ends of runs that the user, or the system, stopped.
var (
	errInterrupted = interrupted("interrupted", "run the same command again to resume: every encoded chunk is kept")
	errLeft        = interrupted("stopped watching", "the job goes on")
)

const interruptedType = "interrupted"

func interrupted(title, hint string) error {
	return &fault.Error{Type: interruptedType, Title: title, Hint: hint}
}

func isInterrupted(err error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	return ok && e.Type == interruptedType
}

// Stopped is the cause of a context that a signal ended.
type Stopped struct{ Signal os.Signal }

// Error names the signal.
func (s Stopped) Error() string { return "stopped by signal: " + s.Signal.String() }

// drains reports whether the run was stopped in a way that leaves time to finish.
func drains(ctx context.Context) bool {
	s, ok := errors.AsType[Stopped](context.Cause(ctx))
	return ok && s.Signal == syscall.SIGTERM
}

// usage marks an error as one about the command line.
func usage(err error) error {
	if fault.Of(err) == fault.User {
		return err
	}
	return fault.Userf("usage", "", err.Error(), "see: reweave --help")
}

// orInterrupted replaces the errors that follow from an interruption by the
// interruption itself.
func orInterrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil || fault.Of(err) == fault.User || isInterrupted(err) {
		return err
	}
	return interrupted("interrupted", "")
}

func exitCode(err error) int {
	switch {
	case err == nil:
		return exitDone
	case isInterrupted(err):
		return exitInterrupted
	case problemOf(err).UserMistake():
		return exitUser
	}
	return exitFailed
}

// problemOf returns the problem of err, which may have come from a server.
func problemOf(err error) fault.Problem {
	if p, ok := errors.AsType[problem](err); ok {
		return p.Problem
	}
	if isInterrupted(err) {
		p := fault.ProblemOf(err)
		p.Status = 0 // no answer over HTTP has this meaning
		return p
	}
	return fault.ProblemOf(err)
}

// line returns err in one line, whatever it holds.
func line(err error) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' {
			return '\n'
		}
		return r
	}, err.Error())
	var parts []string
	for part := range strings.SplitSeq(text, "\n") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "; ")
}
