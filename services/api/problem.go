package api

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue/natsq"
)

// answer is the body of every answer that is an error.
type answer struct {
	fault.Problem
	Errors []*huma.ErrorDetail `json:"errors,omitempty" doc:"every single thing that is wrong, with its place in the request"`
	// after is when the same request may be worth another try, 0 where time changes nothing.
	after time.Duration
}

// Error returns the problem in one line.
func (a *answer) Error() string {
	if a.Detail != "" {
		return a.Detail
	}
	return a.Title
}

// GetStatus returns the HTTP status to answer with.
func (a *answer) GetStatus() int { return a.Status }

// GetHeaders returns the headers to answer with.
func (a *answer) GetHeaders() http.Header {
	if a.after <= 0 {
		return nil
	}
	return http.Header{"Retry-After": {strconv.Itoa(int(math.Ceil(a.after.Seconds())))}}
}

// ContentType returns the media type of RFC 9457, section 3.
func (a *answer) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// kinds are the problems of HTTP itself, by status: slug, title and hint.
var kinds = map[int][3]string{
	http.StatusBadRequest:            {"malformed-request", "the request can't be read", "send well-formed JSON"},
	http.StatusUnauthorized:          {"unauthenticated", "there is no token that counts", "send one: Authorization: Bearer …, or REWEAVE_TOKEN for the command line"},
	http.StatusForbidden:             {"forbidden", "the token does not allow this", "ask for one with the scope that it needs"},
	http.StatusNotFound:              {"no-such-route", "there is nothing under this path", "see /openapi.yaml for all that there is"},
	http.StatusMethodNotAllowed:      {"method-not-allowed", "this path does not take that method", "see the header Allow"},
	http.StatusNotAcceptable:         {"not-acceptable", "no wanted media type can be made", "accept application/json"},
	http.StatusRequestTimeout:        {"request-timeout", "the body came too slowly", "try again"},
	http.StatusRequestEntityTooLarge: {"body-too-large", "the body is too large", "send media by POST /v1/uploads, not in the request"},
	http.StatusTooManyRequests:       {"too-many-requests", "too many requests", "wait as long as the header Retry-After says"},
	http.StatusMisdirectedRequest:    {"wrong-host", "the request is for another host", "use the address that the server prints, such as http://127.0.0.1:8080"},
	http.StatusUnsupportedMediaType:  {"unsupported-media-type", "the body's media type is not understood", "send application/json"},
	http.StatusUnprocessableEntity:   {"invalid-request", "the request is not valid", "mend what errors lists"},
	http.StatusServiceUnavailable:    {"unavailable", "a service behind the api does not answer", "try again in a moment"},
	http.StatusInternalServerError:   {"internal", "internal error", "the api's log has the reason"},
}

// errCrossOrigin is the one reason for 403 that has nothing to do with a token.
var errCrossOrigin = statusError(http.StatusForbidden, "cross-origin", "a page of another site asked for this", "call the API from your own program")

// newError makes huma's own errors problems of this API.
func newError(status int, detail string, errs ...error) huma.StatusError {
	kind := kinds[status]
	if kind[0] == "" {
		kind = [3]string{"http", http.StatusText(status), ""}
	}
	a := &answer{Problem: fault.Problem{
		Type: fault.TypeBase + kind[0], Title: kind[1], Status: status, Detail: detail, Hint: kind[2],
	}}
	for _, err := range errs {
		if d, ok := err.(huma.ErrorDetailer); ok { // huma's contract: not wrapped
			d := *d.ErrorDetail()
			if d.Location == "body" {
				d.Value = nil // it is the whole body
			}
			a.Errors = append(a.Errors, &d)
		} else if err != nil {
			a.Errors = append(a.Errors, &huma.ErrorDetail{Message: err.Error()})
		}
	}
	if len(a.Errors) == 1 {
		a.Detail = a.Errors[0].Message
	}
	return a
}

// statusError is a fault of the user's that answers another status than 422.
func statusError(status int, slug, title, hint string) error {
	e := fault.Userf(slug, "", title, hint)
	p := fault.ProblemOf(e)
	p.Status = status
	return &answer{Problem: p}
}

// again is a statusError that passes with time.
func again(after time.Duration, status int, slug, title, hint string) error {
	err := statusError(status, slug, title, hint)
	if a, ok := errors.AsType[*answer](err); ok {
		a.after = after
	}
	return err
}

func noJob(id string) error {
	return statusError(http.StatusNotFound, "no-such-job", "there is no job "+id, "see GET /v1/jobs")
}

// problemOf turns what a handler returned into an answer.
func (s *Server) problemOf(ctx context.Context, operation string, err error) huma.StatusError {
	if a, ok := errors.AsType[*answer](err); ok {
		return a
	}
	if ctx.Err() != nil {
		return newError(http.StatusServiceUnavailable, "the request was cut off")
	}
	p := fault.ProblemOf(err)
	if p.Status < http.StatusInternalServerError {
		return &answer{Problem: p, Errors: details(err)}
	}
	s.log.Error("answer a request", zap.String("operation", operation), zap.Error(err))
	if errors.Is(err, context.DeadlineExceeded) {
		return newError(http.StatusServiceUnavailable, "no answer in time")
	}
	if natsq.Passing(err) { // a client that tries again will be served
		return newError(http.StatusServiceUnavailable, "the queue does not answer")
	}
	if p.Slug() == "internal" {
		return newError(p.Status, "")
	}
	return &answer{Problem: p}
}

// details lists what is wrong with a Spec, by its place in the request's body.
func details(err error) []*huma.ErrorDetail {
	var list []*huma.ErrorDetail
	if issues, ok := errors.AsType[job.Issues](err); ok {
		for _, is := range issues {
			list = append(list, &huma.ErrorDetail{Location: "body." + is.Field, Message: is.Title + " (" + is.Hint + ")"})
		}
		return list
	}
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Where != "" {
		list = append(list, &huma.ErrorDetail{Location: "body." + e.Where, Message: e.Title})
	}
	return list
}

// orNoJob names the job in an error that says there is none.
func orNoJob(id string, err error) error {
	if errors.Is(err, natsq.ErrNoJob) {
		return noJob(id)
	}
	return err
}

// writeProblem answers what never reached an operation.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	writeError(w, status, newError(status, detail))
}

func writeError(w http.ResponseWriter, status int, problem error) {
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(status)
	// An error here means that the client has gone.
	_ = json.NewEncoder(w).Encode(problem)
}
