package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/storetest"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/store/s3store"
)

// line is a TCP connection to the server that a test can cut.
type line struct {
	listener net.Listener
	server   string
	mu       sync.Mutex
	dead     bool
	conns    map[net.Conn]bool
	wg       sync.WaitGroup
}

// newLine returns a line to the server of cfg, and cfg with the line's address.
func newLine(t *testing.T, cfg s3store.Config) (*line, s3store.Config) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &line{listener: l, server: cfg.Endpoint[len("http://"):], conns: map[net.Conn]bool{}}
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close() // it ends the test
		p.cut(true)
		p.wg.Wait()
	})
	cfg.Endpoint = "http://" + l.Addr().String()
	return p, cfg
}

func (p *line) serve(c net.Conn) {
	defer c.Close()
	up, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer up.Close()
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		return
	}
	p.conns[c], p.conns[up] = true, true
	p.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(up, c); _ = up.(*net.TCPConn).CloseWrite() })
	wg.Go(func() { _, _ = io.Copy(c, up); _ = c.(*net.TCPConn).CloseWrite() })
	wg.Wait()
}

// cut breaks all connections, and new ones too while dead.
func (p *line) cut(dead bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = dead
	for c := range p.conns {
		_ = c.Close() // that is the point
	}
	clear(p.conns)
}

// cutAt calls cut once, after n bytes were read.
type cutAt struct {
	io.ReadSeeker
	n   int
	cut func()
}

func (c *cutAt) Read(b []byte) (int, error) {
	n, err := c.ReadSeeker.Read(b[:min(len(b), 64<<10)])
	if c.n > 0 && c.n <= n {
		c.cut()
	}
	c.n -= n
	return n, err
}

func wantRetry(t *testing.T, what string, err error) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Class != fault.Retry || f.Type != "store-unavailable" {
		t.Errorf("%s: %v, want a fault to be tried again", what, err)
	}
}

func TestAServerThatGoesAwayIsAFaultToRetry(t *testing.T) {
	l, cfg := newLine(t, startStack(t).S3())
	s := connect(t, cfg)
	content := storetest.Content(8 << 20)
	storetest.Put(t, s, "a", content)
	body, _, err := s.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(body, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	dying := &cutAt{bytes.NewReader(content), 1 << 20, func() { l.cut(true) }}
	wantRetry(t, "put", s.Put(t.Context(), "b", dying, int64(len(content)), nil))
	_, err = io.Copy(io.Discard, body)
	wantRetry(t, "read", err)
	_ = body.Close() // it is broken
	_, err = s.Stat(t.Context(), "a")
	wantRetry(t, "stat", err)
	wantRetry(t, "delete", s.Delete(t.Context(), "a", "b"))
	for _, err := range s.List(t.Context(), "") {
		wantRetry(t, "list", err)
	}
	wantRetry(t, "check", s.Check(t.Context()))

	l.cut(false)
	storetest.Want(t, s, "a", content)
	if _, err := s.Stat(t.Context(), "b"); err == nil {
		t.Error("half a PUT left an object")
	}
}

func TestABrokenConnectionIsMended(t *testing.T) {
	l, cfg := newLine(t, startStack(t).S3())
	s := connect(t, cfg)
	for _, n := range []int{8 << 20, 40 << 20} { // one PUT, and parts
		content := storetest.Content(n)
		r := bytes.NewReader(append([]byte("not this"), content...))
		if _, err := r.Seek(8, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if err := s.Put(t.Context(), "a", &cutAt{r, n / 2, func() { l.cut(false) }}, int64(n), nil); err != nil {
			t.Fatal(err)
		}
		storetest.Want(t, s, "a", content)
		body, err := s.GetRange(t.Context(), "a", 5, int64(n-10))
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		for got.Len() < n-10 {
			if _, err := io.CopyN(&got, body, min(3<<20, int64(n-10-got.Len()))); err != nil {
				t.Fatalf("after %d bytes: %v", got.Len(), err)
			}
			l.cut(false)
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
		if !bytes.Equal(got.Bytes(), content[5:n-5]) {
			t.Error("a mended read gave other bytes")
		}
	}
}

func TestAReplacedObjectIsNotMixed(t *testing.T) {
	l, cfg := newLine(t, startStack(t).S3())
	s := connect(t, cfg)
	content := storetest.Content(40 << 20)
	storetest.Put(t, s, "a", content)
	body, _, err := s.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if _, err := io.ReadFull(body, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	content[0]++
	storetest.Put(t, s, "a", content)
	l.cut(false)
	if n, err := io.Copy(io.Discard, body); err == nil {
		t.Errorf("read %d bytes of two objects", n+100)
	}
}

func TestConnect(t *testing.T) {
	good := startStack(t).S3()
	for name, c := range map[string]struct {
		change func(*s3store.Config)
		class  fault.Class
		slug   string
	}{
		"wrong secret":    {func(c *s3store.Config) { c.SecretKey = "wrong" }, fault.Permanent, "store-denied"},
		"unknown key":     {func(c *s3store.Config) { c.AccessKey = "nobody" }, fault.Permanent, "store-denied"},
		"no URL":          {func(c *s3store.Config) { c.Endpoint = "localhost:9000" }, fault.User, "invalid-setting"},
		"a path":          {func(c *s3store.Config) { c.PublicEndpoint = "https://a/b" }, fault.User, "invalid-setting"},
		"no CA":           {func(c *s3store.Config) { c.CA = "/absent.pem" }, fault.User, "invalid-setting"},
		"nobody's port":   {func(c *s3store.Config) { c.Endpoint = "http://127.0.0.1:1" }, fault.Retry, "store-unavailable"},
		"all is well":     {func(*s3store.Config) {}, fault.Internal, ""},
		"another bucket":  {func(c *s3store.Config) { c.Bucket = "another" }, fault.Internal, ""},
		"bad bucket name": {func(c *s3store.Config) { c.Bucket = "No_Bucket" }, fault.Permanent, "store-refused"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if c.class == fault.Retry { // it goes on until then
				ctx, cancel = context.WithTimeout(t.Context(), 3*time.Second)
			}
			defer cancel()
			cfg := good
			c.change(&cfg)
			s, err := s3store.Connect(ctx, cfg)
			if c.slug == "" {
				if err != nil || s.Check(ctx) != nil {
					t.Errorf("connect: %v", err)
				}
				return
			}
			var f *fault.Error
			if !errors.As(err, &f) || f.Class != c.class || f.Type != c.slug {
				t.Errorf("connect says %v (%+v)", err, f)
			}
		})
	}
}
