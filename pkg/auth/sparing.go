package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// An issuer is asked atOnce times without a pause, and then once in each pauseBetween.
const (
	atOnce       = 10
	pauseBetween = time.Second
	// largestReply is more than the keys of any issuer take.
	largestReply = 1 << 20
)

// sparing keeps those who show tokens that nobody signed from having the issuer asked for
// each: a key that is not known is looked for at the issuer, for it may be a new one. What
// comes too often is answered as the same question was the last time.
type sparing struct {
	next http.RoundTripper

	mu     sync.Mutex
	left   int
	filled time.Time
	last   map[string]reply
}

var errSpared = errors.New("it was asked too often, and had no answer yet")

type reply struct {
	header http.Header
	body   []byte
}

func newSparing(next http.RoundTripper) *sparing {
	return &sparing{next: next, left: atOnce, filled: time.Now(), last: map[string]reply{}}
}

// RoundTrip asks, or answers by itself.
func (s *sparing) RoundTrip(req *http.Request) (*http.Response, error) {
	if before, ask := s.before(req.URL.String()); !ask {
		if before.header == nil {
			return nil, errSpared
		}
		return before.response(req), nil
	}
	res, err := s.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, largestReply))
	if err != nil {
		return nil, fmt.Errorf("read the issuer's answer: %w", err)
	}
	r := reply{res.Header, body}
	if res.StatusCode != http.StatusOK {
		res.Body = io.NopCloser(bytes.NewReader(body))
		return res, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[req.URL.String()] = r
	return r.response(req), nil
}

// before returns what was answered the last time, or whether the issuer is to be asked again.
func (s *sparing) before(url string) (r reply, ask bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := time.Since(s.filled) / pauseBetween; n > 0 {
		s.left, s.filled = min(atOnce, s.left+int(min(n, atOnce))), time.Now()
	}
	if s.left > 0 {
		s.left--
		return r, true
	}
	return s.last[url], false
}

func (r reply) response(req *http.Request) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: r.header.Clone(),
		Body: io.NopCloser(bytes.NewReader(r.body)), ContentLength: int64(len(r.body)), Request: req,
	}
}
