package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// proxy stands between the encoders and a server, and can be told to harm what passes.
type proxy struct {
	l net.Listener

	mu      sync.Mutex
	to      string
	open    map[net.Conn]struct{}
	refuse  bool
	blocked chan struct{} // bytes wait until it is closed; nil lets them pass
	rate    int           // bytes in a second and direction; 0 for all there are
	done    sync.WaitGroup
}

func newProxy() (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{l: l, open: map[net.Conn]struct{}{}}
	p.done.Go(p.serve)
	return p, nil
}

func (p *proxy) addr() string { return p.l.Addr().String() }

// lead says which server is behind the proxy.
func (p *proxy) lead(to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = to
}

func (p *proxy) target() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.to
}

func (p *proxy) serve() {
	for {
		c, err := p.l.Accept()
		if err != nil { // closed
			return
		}
		s, err := net.Dial("tcp", p.target())
		if err != nil || !p.admit(c, s) {
			c.Close()
			if err == nil {
				s.Close()
			}
			continue
		}
		p.done.Go(func() { p.pass(s, c) })
		p.done.Go(func() { p.pass(c, s) })
	}
}

func (p *proxy) admit(pair ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse {
		return false
	}
	for _, c := range pair {
		p.open[c] = struct{}{}
	}
	return true
}

// pass copies one direction, in pieces small enough for the harm to show.
func (p *proxy) pass(to, from net.Conn) {
	defer func() {
		to.Close()
		from.Close()
		p.mu.Lock()
		delete(p.open, to)
		delete(p.open, from)
		p.mu.Unlock()
	}()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.linger(n)
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// linger holds n bytes up as long as they are to be.
func (p *proxy) linger(n int) {
	p.mu.Lock()
	blocked, rate := p.blocked, p.rate
	p.mu.Unlock()
	if blocked != nil {
		<-blocked
	}
	if rate > 0 {
		<-time.After(time.Duration(n) * time.Second / time.Duration(rate))
	}
}

// cut breaks every connection, and refuses new ones until mend.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = true
	for c := range p.open {
		c.Close()
	}
}

// stall holds all bytes until mend; connections stay.
func (p *proxy) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocked = make(chan struct{})
}

func (p *proxy) slow(rate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = rate
}

func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse, p.rate = false, 0
	if p.blocked != nil {
		close(p.blocked)
		p.blocked = nil
	}
}

func (p *proxy) close() error {
	err := p.l.Close()
	p.mend()
	p.cut()
	p.done.Wait()
	return err
}

// network runs a job whose encoders reach the servers through proxies, which harm is
// done to in the middle of it.
func network(ctx context.Context, h *harness, r *row, harm func(context.Context, *world, *proxy, *proxy) error) (err error) {
	toNATS, err := newProxy()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, toNATS.close()) }()
	toS3, err := newProxy()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, toS3.close()) }()
	w, id, err := h.inTheMiddle(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2, nats: toNATS, s3: toS3}, 3)
	if err != nil {
		return err
	}
	defer w.end()
	if err := harm(ctx, w, toNATS, toS3); err != nil {
		return err
	}
	return errors.Join(w.finish(ctx, id), w.intact(ctx, h.long, id), w.count(r, id))
}

func cutNetwork(ctx context.Context, h *harness, r *row) error {
	return network(ctx, h, r, func(ctx context.Context, _ *world, toNATS, toS3 *proxy) error {
		for _, p := range []*proxy{toNATS, toS3, toNATS, toS3} {
			p.cut()
			r.times, r.max = r.times+1, r.max+2 // two encoders may lose what they do
			err := rest(ctx, time.Second)
			p.mend()
			if err := errors.Join(err, rest(ctx, 500*time.Millisecond)); err != nil {
				return err
			}
		}
		return nil
	})
}

func stallNetwork(ctx context.Context, h *harness, r *row) error {
	return network(ctx, h, r, func(ctx context.Context, _ *world, toNATS, toS3 *proxy) error {
		for _, p := range []*proxy{toNATS, toS3} {
			p.stall()
			r.times, r.max = r.times+1, r.max+2
			err := rest(ctx, lease+2*time.Second)
			p.mend()
			if err := errors.Join(err, rest(ctx, time.Second)); err != nil {
				return err
			}
		}
		return nil
	})
}

func slowNetwork(ctx context.Context, h *harness, r *row) error {
	return network(ctx, h, r, func(_ context.Context, _ *world, toNATS, toS3 *proxy) error {
		toNATS.slow(64 << 10)
		toS3.slow(64 << 10)
		r.times = 2
		return nil
	})
}
