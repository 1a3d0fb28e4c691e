package source

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

// faucet gives so many bytes after each pause, until its context ends.
type faucet struct {
	ctx   context.Context //nolint:containedctx // that of the request whose body it is
	bytes int
	pause time.Duration
}

func (f faucet) Read(b []byte) (int, error) {
	select {
	case <-f.ctx.Done():
		return 0, f.ctx.Err()
	case <-time.After(f.pause):
		return min(f.bytes, len(b)), nil
	}
}

func (faucet) Close() error { return nil }

// What comes too slowly ends when its time is over, and what comes fast enough never does,
// however slowly it is taken.
func TestSourcesThatStall(t *testing.T) {
	for name, c := range map[string]struct {
		bytes       int
		pause, rest time.Duration
		stalls      bool
	}{
		"nothing":          {0, time.Hour, 0, true},
		"a byte now":       {1, time.Second, 0, true},
		"just enough":      {enough, 59 * time.Second, 0, false},
		"just too little":  {enough / 2, 31 * time.Second, 0, true},
		"taken at leisure": {enough / 2, 29 * time.Second, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				p := &patient{ReadCloser: faucet{ctx, c.bytes, c.pause}, where: "https://host/film", limit: time.Minute, cancel: cancel}
				defer p.Close()
				var waited time.Duration
				var err error
				for range 100 {
					start := time.Now()
					_, err = p.Read(make([]byte, enough))
					if waited += time.Since(start); err != nil {
						break
					}
					<-time.After(c.rest)
				}
				if e, ok := errors.AsType[*fault.Error](err); ok != c.stalls || ok && (e.Type != "unreadable-source" || e.Class != fault.Internal || waited > time.Minute) {
					t.Errorf("%v after %s", err, waited)
				}
			})
		})
	}
}

// A server that answers and then sends nothing doesn't keep who reads.
func TestServersThatStall(t *testing.T) {
	left := make(chan struct{})
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "YUV4MPEG2 W16 H16")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(left)
	})
	o := Opener{HTTP: guarded(func(netip.Addr) bool { return true }), Stall: 100 * time.Millisecond}
	_, err := o.Open(t.Context(), job.Job{Spec: job.Spec{Source: s.URL + "/film?key=r1e10", Name: "film"}}, t.TempDir())
	e, ok := errors.AsType[*fault.Error](err)
	if want := s.URL + "/film?…: the source can't be fetched: " + errStalled.Error(); !ok || e.Type != "unreadable-source" || e.Error() != want+" ("+e.Hint+")" {
		t.Errorf("%v, want %s", err, want)
	}
	<-left
}

// Addresses of this machine are refused, public ones too.
func TestOwnAddresses(t *testing.T) {
	ours := func() ([]net.Addr, error) {
		return []net.Addr{
			&net.IPNet{IP: net.IPv4(93, 184, 216, 34), Mask: net.CIDRMask(24, 32)},
			&net.IPNet{IP: net.ParseIP("2606:2800:220:1::1"), Mask: net.CIDRMask(64, 128)},
		}, nil
	}
	for address, want := range map[string]bool{
		"93.184.216.34": true, "::ffff:93.184.216.34": true, "2606:2800:220:1::1": true, "2606:2800:220:1::1%eth0": true,
		"93.184.216.35": false, "2606:2800:220:1::2": false,
	} {
		if got := isOwn(netip.MustParseAddr(address), ours); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	if !isOwn(netip.MustParseAddr("127.0.0.1"), net.InterfaceAddrs) {
		t.Error("the system's addresses are not understood")
	}
}
