package source

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
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

// special are the blocks of the IANA registries of special-purpose addresses that Go has
// no name for: they are of this network, or stand for an IPv4 address that may be.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),      // RFC 791
	netip.MustParsePrefix("100.64.0.0/10"),  // RFC 6598
	netip.MustParsePrefix("192.0.0.0/24"),   // RFC 6890
	netip.MustParsePrefix("198.18.0.0/15"),  // RFC 2544
	netip.MustParsePrefix("240.0.0.0/4"),    // RFC 1112
	netip.MustParsePrefix("64:ff9b::/96"),   // RFC 6052
	netip.MustParsePrefix("64:ff9b:1::/48"), // RFC 8215
	netip.MustParsePrefix("2001::/32"),      // RFC 4380
	netip.MustParsePrefix("2002::/16"),      // RFC 3056
	netip.MustParsePrefix("::/96"),          // RFC 4291, 2.5.5.1
}

func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLinkLocalUnicast() &&
		!slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
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
