package fault

import (
	"errors"
	"syscall"
)

// TypeBase is the prefix of every problem type URI. The pages behind it are the
// headings of docs/errors.md.
const TypeBase = "https://reweave.dev/problems/"

// Problem is an error in the shape of RFC 9457 (Problem Details for HTTP APIs),
// as the API answers it, as a failed job holds it, and as `--json` prints it.
type Problem struct {
	Type   string `json:"type" doc:"stable URI of the kind of problem"`
	Title  string `json:"title" doc:"what went wrong"`
	Status int    `json:"status,omitempty" doc:"HTTP status this problem answers with"`
	Detail string `json:"detail,omitempty" doc:"where, why and what to do"`
	Hint   string `json:"hint,omitempty" doc:"what to do about it"`
	Log    string `json:"log,omitempty" doc:"end of the encoder's own words"`
}

// ProblemOf turns any error into a Problem. Errors of class User answer 422, of
// class Retry and HandOver 503, all others 500. A full disk is told as such wherever it
// was met.
func ProblemOf(err error) Problem {
	e, ok := errors.AsType[*Error](err)
	if !ok && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) {
		e = &Error{
			Class: Permanent, Type: "no-space", Title: "a disk has no space left", Err: err,
			Hint: "free some and try again: every finished chunk is kept",
		}
		err, ok = e, true
	}
	if !ok {
		return Problem{Type: TypeBase + "internal", Title: "internal error", Status: 500, Detail: err.Error()}
	}
	return Problem{
		Type: TypeBase + e.slug(), Title: e.Title, Status: e.Class.status(),
		Detail: err.Error(), Hint: e.Hint, Log: e.Log,
	}
}

// Slug returns the last part of the type URI, without [TypeBase].
func (p Problem) Slug() string {
	if len(p.Type) > len(TypeBase) && p.Type[:len(TypeBase)] == TypeBase {
		return p.Type[len(TypeBase):]
	}
	return p.Type
}

// UserMistake reports whether the problem is the user's to mend.
func (p Problem) UserMistake() bool { return p.Status >= 400 && p.Status < 500 }

func (e *Error) slug() string {
	if e.Type == "" {
		return "internal"
	}
	return e.Type
}

func (c Class) status() int {
	switch c {
	case User:
		return 422
	case Retry, HandOver:
		return 503
	default:
		return 500
	}
}
