package api

import (
	"context"
	"errors"
	"io"

	"github.com/reweave/reweave/pkg/store"
)

// object reads an object of the store as a file, in one ranged request for each
// place where reading begins. It is what [net/http.ServeContent] asks for.
type object struct {
	ctx   context.Context //nolint:containedctx // io.Reader has no place for it
	store store.Store
	key   string
	size  int64

	off  int64
	body io.ReadCloser
	err  error // the first failure of the store
}

var errSeek = errors.New("seek before the start")

// Seek moves to an offset; nothing is asked of the store before the next Read.
func (o *object) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += o.off
	case io.SeekEnd:
		off += o.size
	}
	if off < 0 {
		return 0, errSeek
	}
	if off != o.off {
		o.close()
	}
	o.off = off
	return off, nil
}

// Read reads on from where the object stands.
func (o *object) Read(b []byte) (n int, err error) {
	if o.off >= o.size {
		return 0, io.EOF
	}
	if o.body == nil {
		if o.body, err = o.store.GetRange(o.ctx, o.key, o.off, o.size-o.off); err != nil {
			o.body, o.err = nil, err
			return 0, err
		}
	}
	n, err = o.body.Read(b)
	o.off += int64(n)
	switch {
	case errors.Is(err, io.EOF) && o.off < o.size:
		err = io.ErrUnexpectedEOF
		o.err = err
	case err != nil && !errors.Is(err, io.EOF):
		o.err = err
	}
	return n, err
}

// close ends the request that is open, if any.
func (o *object) close() {
	if o.body != nil {
		// Its bytes came whole or Read told of it.
		_ = o.body.Close()
		o.body = nil
	}
}
