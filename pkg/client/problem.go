package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
)

// problemOf makes an error of an answer that tells of one.
func problemOf(res *http.Response) error {
	e := &fault.Error{Class: classOf(res.StatusCode), Type: "http"}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	var p fault.Problem
	if t, _, bad := mime.ParseMediaType(res.Header.Get("Content-Type")); err == nil && bad == nil &&
		t == "application/problem+json" && json.Unmarshal(body, &p) == nil {
		fill(e, p)
		return e
	}
	e.Title = "the server answered " + res.Status
	if res.Request != nil {
		// Without the query: in a presigned URL it is a secret.
		e.Where = res.Request.Method + " " + res.Request.URL.Host + res.Request.URL.Path
	}
	return e
}

// fill is the inverse of [fault.ProblemOf]: it takes the detail apart again, so that
// e.Error() tells the same once and not twice.
func fill(e *fault.Error, p fault.Problem) {
	e.Type, e.Title, e.Hint, e.Log = p.Slug(), p.Title, p.Hint, p.Log
	detail := strings.TrimSuffix(p.Detail, fmt.Sprintf(" (%s)", p.Hint))
	where, why, found := strings.Cut(detail, p.Title)
	if !found {
		where, why = "", detail
	}
	e.Where = strings.TrimSuffix(where, ": ")
	if why = strings.TrimPrefix(why, ": "); why != "" {
		e.Err = errors.New(why)
	}
}

func classOf(status int) fault.Class {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fault.Retry
	}
	if status >= 400 && status < 500 || status == http.StatusInsufficientStorage {
		return fault.User
	}
	return fault.Internal
}
