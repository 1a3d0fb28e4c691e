package s3store

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// moveTimeout bounds how long a transfer may stand still: neither side of a connection
	// notices by itself when the other one, or what lies between them, freezes.
	moveTimeout = time.Minute
	// storeTimeout bounds the wait for the answer once all is sent that is to be stored.
	// Joining the parts of a large upload takes S3 servers minutes.
	storeTimeout = 5 * time.Minute
)

// errStill ends a request of which nothing moved for too long.
var errStill = errors.New("the connection stands still")

// watched ends requests that stand still. What this side takes its time for is not
// counted: the reading of what is to be stored, and the use of what was read.
type watched struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (w watched) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	c := &watch{ctx: ctx, cancel: cancel, answer: moveTimeout}
	if req.Method == http.MethodPut || req.Method == http.MethodPost {
		c.answer = storeTimeout
	}
	c.timer = time.AfterFunc(c.answer, func() { cancel(errStill) })
	req = req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body, req.GetBody = &sent{req.Body, c}, nil
	}
	res, err := w.RoundTripper.RoundTrip(req)
	c.timer.Stop()
	if err != nil {
		defer cancel(nil)
		return nil, c.cause(err)
	}
	res.Body = &received{res.Body, c}
	return res, nil
}

// watch is over one request.
type watch struct {
	ctx    context.Context //nolint:containedctx // of the request that it is over
	cancel context.CancelCauseFunc
	timer  *time.Timer
	answer time.Duration
}

// cause returns why the request ended: err, unless the watch ended it.
func (c *watch) cause(err error) error {
	if err != nil && errors.Is(context.Cause(c.ctx), errStill) {
		return errStill
	}
	return err
}

// sent is the body of a request: what is read of it goes to the server next.
type sent struct {
	io.ReadCloser
	c *watch
}

func (s *sent) Read(p []byte) (int, error) {
	s.c.timer.Stop()
	n, err := s.ReadCloser.Read(p)
	if err != nil {
		s.c.timer.Reset(s.c.answer)
	} else {
		s.c.timer.Reset(moveTimeout)
	}
	return n, err
}

// received is the body of an answer.
type received struct {
	io.ReadCloser
	c *watch
}

func (r *received) Read(p []byte) (int, error) {
	r.c.timer.Reset(moveTimeout)
	defer r.c.timer.Stop()
	n, err := r.ReadCloser.Read(p)
	return n, r.c.cause(err)
}

func (r *received) Close() error {
	defer r.c.cancel(nil)
	return r.ReadCloser.Close()
}
