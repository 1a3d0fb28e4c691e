// Package client is a typed client of the HTTP API.
//
// It hides what goes wrong in passing: requests that may be repeated are, uploads
// and downloads go on where they broke off, and a followed job is followed through
// restarts of the server. What remains comes back as a [fault.Error] with the
// problem that the server told: of class User where the request was wrong, of class
// Retry where the server could not be reached or could not work.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/reweave/reweave/pkg/fault"
)

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	base  string
	http  *http.Client
	token string
}

// New returns a client of the server at baseURL, such as "http://localhost:8080".
// hc may be nil; it should have no Timeout, as that would end long transfers.
func New(baseURL string, hc *http.Client) *Client {
	if hc == nil {
		t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented type
		t.ResponseHeaderTimeout = time.Minute
		hc = &http.Client{Transport: t}
	}
	if !strings.Contains(baseURL, "://") {
		baseURL = "http://" + baseURL
	}
	return &Client{base: strings.TrimRight(baseURL, "/"), http: hc}
}

// WithToken returns a client that shows a token to the server, and to nobody else: not
// to the store that an upload goes to, nor to where an answer redirects.
func (c *Client) WithToken(token string) *Client {
	hc := *c.http
	before := hc.CheckRedirect
	hc.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if !c.own(req.URL.String()) {
			// Package http takes two ports of one host for the same server.
			req.Header.Del("Authorization")
		}
		if before != nil {
			return before(req, via)
		}
		if len(via) >= 10 {
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}
	return &Client{base: c.base, http: &hc, token: token}
}

// own reports whether a URL is one of the server's.
func (c *Client) own(ref string) bool {
	rest, found := strings.CutPrefix(ref, c.base)
	return found && (rest == "" || rest[0] == '/' || rest[0] == '?')
}

// request is one call of the API.
type request struct {
	method, path string
	header       http.Header
	body         any  // sent as JSON unless nil
	once         bool // must not be repeated
}

// call sends a request, repeats it while that may help, and decodes the answer into
// out unless out is nil.
func (c *Client) call(ctx context.Context, r request, out any) error {
	return retry(ctx, func() error {
		res, err := c.send(ctx, r)
		if err != nil {
			return unless(r.once, err)
		}
		defer closeBody(res)
		if out == nil {
			return nil
		}
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			return unless(r.once, c.unreachable(fmt.Errorf("read the answer to %s %s: %w", r.method, r.path, err)))
		}
		return nil
	})
}

// send sends a request once. Its answer is a good one, and the caller closes it.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("encode the body of %s %s: %w", r.method, r.path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.resolve(r.path), body)
	if err != nil {
		return nil, fault.Userf("invalid-server", c.base, "this is no URL of a server", "use http://host:port")
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if c.token != "" && c.own(req.URL.String()) {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		defer closeBody(res)
		return nil, problemOf(res)
	}
	return res, nil
}

// resolve makes a whole URL of a path or URL that the API answered.
func (c *Client) resolve(ref string) string {
	if strings.HasPrefix(ref, "/") {
		return c.base + ref
	}
	return ref
}

func (c *Client) unreachable(err error) error {
	return &fault.Error{
		Class: fault.Retry, Type: "server-unreachable", Where: c.base,
		Title: "the server does not answer", Hint: "check that it runs, and its address", Err: err,
	}
}

func jobPath(id, rest string) string { return "/v1/jobs/" + url.PathEscape(id) + rest }

// closeBody reads the little that may be left, so that the connection is used again.
func closeBody(res *http.Response) {
	_, _ = io.CopyN(io.Discard, res.Body, 4096)
	_ = res.Body.Close()
}
