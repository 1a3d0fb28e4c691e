package s3store

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// server is what a fake transport does with a request.
type server func(*http.Request) (*http.Response, error)

func (s server) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

// halting yields a byte after each of its pauses, the last of which may be for ever, as far
// as ctx lets it.
type halting struct {
	ctx    context.Context
	pauses []time.Duration
}

const forEver = 1000 * time.Hour

func (h *halting) Read(p []byte) (int, error) {
	if len(h.pauses) == 0 {
		return 0, io.EOF
	}
	pause := h.pauses[0]
	h.pauses = h.pauses[1:]
	select {
	case <-time.After(pause):
		p[0] = 'x'
		return 1, nil
	case <-h.ctx.Done():
		return 0, h.ctx.Err()
	}
}

func (h *halting) Close() error { return nil }

// answers has a server send a body with these pauses.
func answers(pauses ...time.Duration) server {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: &halting{r.Context(), pauses}}, nil
	}
}

// takes has a server take the bytes of a request with these pauses before each, and answer
// after the last one.
func takes(pauses ...time.Duration) server {
	return func(r *http.Request) (*http.Response, error) {
		for _, pause := range pauses {
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
			if r.Body != nil {
				if _, err := r.Body.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
					return nil, err
				}
			}
		}
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	}
}

// TestRequestsThatStandStillEnd tells, by a clock of its own, what is given up and after how
// long from what merely takes its time.
func TestRequestsThatStandStillEnd(t *testing.T) {
	const most = moveTimeout - time.Second
	for _, c := range []struct {
		name   string
		server server
		method string
		body   string
		source []time.Duration // pauses of what is to be stored, instead of body
		reader time.Duration   // the pause before each read of the answer
		after  time.Duration   // when it is given up; 0 for not at all
	}{
		{name: "a slow answer", server: answers(most, most, most), method: http.MethodGet},
		{name: "an answer that stops", server: answers(most, most, forEver), method: http.MethodGet, after: 2*most + moveTimeout},
		{name: "a slow reader", server: answers(most, most), method: http.MethodGet, reader: time.Hour},
		{name: "no answer to GET", server: takes(forEver), method: http.MethodGet, after: moveTimeout},
		{name: "no answer to HEAD", server: takes(forEver), method: http.MethodHead, after: moveTimeout},
		{name: "a slow answer to POST", server: takes(storeTimeout - 1), method: http.MethodPost},
		{name: "no answer to POST", server: takes(forEver), method: http.MethodPost, after: storeTimeout},
		{name: "a slow upload", server: takes(most, most, most, most), method: http.MethodPut, body: "abc"},
		{name: "an upload that stops", server: takes(0, most, forEver), method: http.MethodPut, body: "abc", after: most + moveTimeout},
		{name: "an upload without an answer", server: takes(0, 0, forEver), method: http.MethodPut, body: "a", after: storeTimeout},
		{name: "a slow source of an upload", server: takes(0, 0, 0, most), method: http.MethodPut, source: []time.Duration{time.Hour, time.Hour}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var body io.Reader = strings.NewReader(c.body)
				if c.source != nil {
					body = &halting{t.Context(), c.source}
				} else if c.body == "" {
					body = nil
				}
				start := time.Now()
				err := exchange(t.Context(), watched{c.server}, c.method, body, c.reader)
				if took := time.Since(start); c.after > 0 && (!errors.Is(err, errStill) || took != c.after) {
					t.Errorf("after %s: %v; want an end after %s", took, err, c.after)
				} else if c.after == 0 && err != nil {
					t.Errorf("after %s: %v", took, err)
				}
			})
		})
	}
}

// TestARequestsOwnEndIsTold has the caller's context end it, not the watch.
func TestARequestsOwnEndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for name, s := range map[string]server{"request": takes(forEver), "answer": answers(0, forEver)} {
			if err := exchange(ctx, watched{s}, http.MethodGet, nil, 0); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// exchange sends a request and reads its answer to the end.
func exchange(ctx context.Context, w watched, method string, body io.Reader, pause time.Duration) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://s3/", body)
	if err != nil {
		return err
	}
	res, err := w.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	for {
		<-time.After(pause)
		if _, err := res.Body.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
