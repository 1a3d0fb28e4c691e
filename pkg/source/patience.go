package source

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/reweave/reweave/pkg/fault"
)

// enough is how many bytes of a source must arrive in the time that its server has: next to
// nothing for any video, so that who sends a byte now and then is taken for one that sends
// none.
const enough = 64 << 10

// errStalled ends the reading of a source whose server sends too little.
var errStalled = errors.New("its server sends nothing any more, or next to nothing")

// patient reads a source from elsewhere as long as enough of it arrives. Only the time that
// is spent waiting for bytes counts: who reads may take as long as it likes.
type patient struct {
	io.ReadCloser
	where  string
	limit  time.Duration
	cancel context.CancelCauseFunc // of what the source was opened with
	waited time.Duration           // for the bytes of got
	got    int
}

func (p *patient) Read(b []byte) (int, error) {
	expired := make(chan struct{})
	start := time.Now()
	timer := time.AfterFunc(p.limit-p.waited, func() { p.cancel(errStalled); close(expired) })
	n, err := p.ReadCloser.Read(b)
	if !timer.Stop() {
		<-expired
		return n, &fault.Error{
			Type: "unreadable-source", Where: p.where, Title: "the source can't be fetched", Err: errStalled,
			Hint: "check the server, or upload the file",
		}
	}
	if p.waited, p.got = p.waited+time.Since(start), p.got+n; p.got >= enough {
		p.waited, p.got = 0, 0
	}
	return n, err
}

func (p *patient) Close() error {
	p.cancel(nil)
	return p.ReadCloser.Close()
}
