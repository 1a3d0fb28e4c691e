package auth

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
)

// Certificate is a TLS certificate with its key in two files, which are read again when
// they change. It is safe for concurrent use.
type Certificate struct {
	cert, key string
	failed    func(error)

	mu   sync.Mutex
	as   [2]os.FileInfo
	pair *tls.Certificate
}

// OpenCertificate reads a certificate and its key, both in PEM. failed is called, once
// for each change of the files, when they can't be used later on; the pair before is
// then served on.
func OpenCertificate(cert, key string, failed func(error)) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key, failed: failed}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	c.as, c.pair = c.stat(), &pair
	return c, nil
}

// Config returns the configuration of a server that shows the certificate, and speaks
// TLS 1.2 or later.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}
}

func (c *Certificate) stat() (as [2]os.FileInfo) {
	for i, path := range []string{c.cert, c.key} {
		as[i], _ = os.Stat(path) // one that is gone is not the same as before
	}
	return as
}

// current returns the pair, from the files when they have changed. While one file is
// new and the other old the two don't fit, and the pair before is kept.
func (c *Certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	as := c.stat()
	if unchanged(c.as[0], as[0]) && unchanged(c.as[1], as[1]) {
		return c.pair
	}
	c.as = as
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		c.failed(fmt.Errorf("read the certificate again: %w", err))
		return c.pair
	}
	c.pair = &pair
	return c.pair
}

func unchanged(a, b os.FileInfo) bool { return a == nil && b == nil || b != nil && same(a, b) }
