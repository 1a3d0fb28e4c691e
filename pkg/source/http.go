package source

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/reweave/reweave/pkg/fault"
)

// Getter makes HTTP requests.
type Getter interface {
	Do(*http.Request) (*http.Response, error)
}

// GuardedClient returns a client that connects to public addresses alone: whatever a
// name resolves to and wherever a redirect leads, an address of this machine, of a
// private network or of a cloud's metadata service is refused when it is dialled.
func GuardedClient() *http.Client {
	d := &net.Dialer{Timeout: 30 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil || !public(ap.Addr()) {
			return fault.Userf("forbidden-address", address, "this address is not public", "upload the file")
		}
		return nil
	}}
	return &http.Client{Transport: &http.Transport{
		DialContext: d.DialContext, TLSHandshakeTimeout: 30 * time.Second, ResponseHeaderTimeout: time.Minute,
	}}
}

func public(a netip.Addr) bool {
	a = a.Unmap()
	shared := netip.MustParsePrefix("100.64.0.0/10") // RFC 6598
	return a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLinkLocalUnicast() && !shared.Contains(a)
}

func (o *Opener) get(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fault.Userf("invalid-source", url, "this is no URL", "give https://…")
	}
	resp, err := o.HTTP.Do(req)
	if err != nil {
		return nil, &fault.Error{Class: fault.User, Type: "unreadable-source", Where: url, Title: "the source can't be fetched", Err: err}
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fault.Userf("unreadable-source", url, fmt.Sprintf("the server answered %s", resp.Status), "check the URL")
	}
	return resp.Body, nil
}
