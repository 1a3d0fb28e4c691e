package client

import (
	"errors"
	"io"
	"net/url"
	"sync"
)

// meter counts the bytes of an upload over all its parts.
type meter struct {
	mu   sync.Mutex
	sent int64
	tell func(int64)
}

func (m *meter) add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent += n
	if m.tell != nil && n != 0 {
		m.tell(m.sent)
	}
}

// metered is a body whose bytes are counted as they are read.
type metered struct {
	r io.Reader
	m *meter

	mu      sync.Mutex
	sent    int64
	stopped bool
	err     error
}

// Read reads on and counts, until stop was called.
func (b *metered) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return 0, io.ErrClosedPipe
	}
	n, err := b.r.Read(p)
	b.sent += int64(n)
	b.m.add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// stop makes sure that nothing is read or counted any more.
func (b *metered) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
}

// failure returns the error of the file that is sent, if it had one.
func (b *metered) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// withoutURL takes the URL out of an error of package http: a presigned one is a
// secret while it holds.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
