package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
)

// s3proxy stands between the services and S3, understands HTTP, and can be told what is
// to become of each request. Signatures pass: it changes nothing of what it hands on.
type s3proxy struct {
	l   net.Listener
	srv *http.Server

	mu    sync.Mutex
	to    string
	judge func(*http.Request) verdict
	// harmed counts the requests that were not just handed on.
	harmed atomic.Int64
	done   sync.WaitGroup
}

// verdict is what becomes of a request.
type verdict int

const (
	pass     verdict = iota
	slowDown         // it is answered 503 SlowDown and never gets to S3
	lost             // S3 does what it says, and the answer is lost with the connection
	torn             // the connection breaks in the middle of its body
)

func newS3Proxy() (*s3proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &s3proxy{l: l}
	p.srv = &http.Server{Handler: p} //nolint:gosec // its clients are ours
	p.done.Go(func() { _ = p.srv.Serve(l) })
	return p, nil
}

func (p *s3proxy) addr() string { return p.l.Addr().String() }

// lead says which server is behind the proxy.
func (p *s3proxy) lead(to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = to
}

// harm has judge decide on each request from now on; nil harms none. It is called by
// several requests at once.
func (p *s3proxy) harm(judge func(*http.Request) verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.judge = judge
}

func (p *s3proxy) close() error {
	err := p.srv.Close()
	p.done.Wait()
	return err
}

// ServeHTTP implements [http.Handler].
func (p *s3proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	to, judge := p.to, p.judge
	p.mu.Unlock()
	v := pass
	if judge != nil {
		v = judge(r)
	}
	if v != pass {
		p.harmed.Add(1)
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(&url.URL{Scheme: "http", Host: to})
			pr.Out.Host = pr.In.Host // it is signed
		},
		Transport:    plain,
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	switch v {
	case slowDown:
		_, _ = io.Copy(io.Discard, r.Body) // a client that still writes would not read the answer
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
		return
	case lost:
		forward.ModifyResponse = func(res *http.Response) error {
			_, _ = io.Copy(io.Discard, res.Body)
			panic(http.ErrAbortHandler) // closes the connection
		}
	case torn:
		r.Body = io.NopCloser(&breaking{r: r.Body, left: max(1, r.ContentLength/2)})
	}
	forward.ServeHTTP(w, r)
}

// plain hands bytes on as they are. A connection for each request: one that S3 closes
// after a request would look like a fault that nobody injected.
var plain = &http.Transport{DisableCompression: true, DisableKeepAlives: true}

// breaking is a body that breaks after some bytes.
type breaking struct {
	r    io.Reader
	left int64
}

func (b *breaking) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
