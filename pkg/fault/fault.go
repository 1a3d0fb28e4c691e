// Package fault gives errors a class, so that whoever handles one knows what to
// do with it without knowing where it came from: tell the user, try again, hand
// the work to another worker, or give up.
//
// The same value is what a user reads: it says what went wrong, where, and what
// to do, and it becomes an RFC 9457 problem over HTTP and one line on a terminal.
package fault

import (
	"errors"
	"strings"
)

// Class is what the handler of an error should do about it.
type Class int

const (
	// Internal is the class of an error nobody classified: a defect or an
	// environment that broke. It is retried a bounded number of times.
	Internal Class = iota
	// User marks an input or a setting that can't work however often it is tried.
	User
	// Retry marks a passing condition of something we depend on.
	Retry
	// HandOver marks work that this worker can't do, but another one may.
	HandOver
	// Permanent marks work that failed and would fail the same way anywhere.
	Permanent
)

// Error is a classified error. The zero value of every field may be left out.
type Error struct {
	Class Class
	// Type is the stable slug of the problem, such as "unsupported-codec". It is
	// the last part of the RFC 9457 type URI and never changes its meaning.
	Type string
	// Title says what went wrong, in one short sentence without a full stop.
	Title string
	// Where is the place: a file, a segment, a range of frames, a timecode.
	Where string
	// Hint says what to do about it.
	Hint string
	// Log is the end of what a child process said, when one was involved.
	Log string
	// Err is the cause.
	Err error
}

// Error returns the whole story in one line: where, what, why, and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Where != "" {
		b.WriteString(e.Where + ": ")
	}
	b.WriteString(e.Title)
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Of returns the class of err: that of the outermost [Error] in its chain, or
// Internal when there is none.
func Of(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Internal
}

// Userf returns an error of class User about where, with a title and a hint.
func Userf(slug, where, title, hint string) *Error {
	return &Error{Class: User, Type: slug, Where: where, Title: title, Hint: hint}
}
