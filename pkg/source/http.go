package source

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

// Getter makes HTTP requests.
type Getter interface {
	Do(*http.Request) (*http.Response, error)
}

// GuardedClient returns a client that connects to public addresses alone: whatever a
// name resolves to and wherever a redirect leads, an address of this machine, of a
// private network or of a cloud's metadata service is refused when it is dialled. A
// redirect from https to plain http is refused too.
func GuardedClient() *http.Client {
	return guarded(func(a netip.Addr) bool { return public(a) && !isOwn(a, net.InterfaceAddrs) })
}

// isOwn reports whether an address is one of this machine's own, on which services listen
// that are not meant for everybody, though the address be a public one. Where the system
// doesn't tell, no address is.
func isOwn(a netip.Addr, addresses func() ([]net.Addr, error)) bool {
	all, _ := addresses()
	return slices.ContainsFunc(all, func(own net.Addr) bool {
		p, err := netip.ParsePrefix(own.String())
		return err == nil && p.Addr().Unmap() == a.Unmap().WithZone("")
	})
}

func guarded(allowed func(netip.Addr) bool) *http.Client {
	d := &net.Dialer{Timeout: 30 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil || !allowed(ap.Addr()) {
			return fault.Userf("forbidden-address", address, "it is not at a public address", "upload the file")
		}
		return nil
	}}
	return &http.Client{
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			DialContext: d.DialContext, TLSHandshakeTimeout: 30 * time.Second, ResponseHeaderTimeout: time.Minute,
		},
	}
}

func checkRedirect(to *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return fault.Userf("unreadable-source", to.URL.Host, "its address leads from one to another without an end", "check the URL")
	}
	if via[0].URL.Scheme == "https" && to.URL.Scheme != "https" {
		return fault.Userf("forbidden-address", to.URL.Host, "its address leads from https to plain http", "give the address of the file itself")
	}
	return nil
}

// reserved are networks that netip takes for global, but that are not the internet, or
// stand for addresses that are not.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),        // this network (RFC 1122)
	netip.MustParsePrefix("100.64.0.0/10"),    // shared with the provider (RFC 6598); Alibaba's metadata
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's wire server
	netip.MustParsePrefix("192.0.0.0/24"),     // protocol assignments (RFC 6890); Oracle's metadata
	netip.MustParsePrefix("192.0.2.0/24"),     // documentation (RFC 5737)
	netip.MustParsePrefix("192.88.99.0/24"),   // relays of 6to4 (RFC 7526)
	netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks (RFC 2544)
	netip.MustParsePrefix("198.51.100.0/24"),  // documentation (RFC 5737)
	netip.MustParsePrefix("203.0.113.0/24"),   // documentation (RFC 5737)
	netip.MustParsePrefix("240.0.0.0/4"),      // once for future use (RFC 1112)
	netip.MustParsePrefix("::/96"),            // IPv4-compatible (RFC 4291)
	netip.MustParsePrefix("::ffff:0:0:0/96"),  // IPv4-translated (RFC 2765)
	netip.MustParsePrefix("64:ff9b::/96"),     // IPv4 behind NAT64 (RFC 6052)
	netip.MustParsePrefix("64:ff9b:1::/48"),   // the same, locally (RFC 8215)
	netip.MustParsePrefix("100::/16"),         // discard-only (RFC 6666, RFC 9780)
	netip.MustParsePrefix("2001::/23"),        // protocol assignments (RFC 2928); IPv4 in Teredo (RFC 4380)
	netip.MustParsePrefix("2001:db8::/32"),    // documentation (RFC 3849)
	netip.MustParsePrefix("2002::/16"),        // IPv4 in 6to4 (RFC 3056)
	netip.MustParsePrefix("3fff::/20"),        // documentation (RFC 9637)
	netip.MustParsePrefix("5f00::/16"),        // segment routing (RFC 9602)
	netip.MustParsePrefix("fec0::/10"),        // site-local (RFC 3879)
}

func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	return !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (o *Opener) get(ctx context.Context, address string) (io.ReadCloser, error) {
	where := job.ShownSource(address)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fault.Userf("invalid-source", where, "this is no URL", "give https://…")
	}
	resp, err := o.HTTP.Do(req)
	if err != nil {
		return nil, unreachable(ctx, where, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	resp.Body.Close()
	e := fault.Userf("unreadable-source", where, "the server answered "+resp.Status, "check the URL")
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout {
		e.Class, e.Hint = fault.Internal, ""
	}
	return nil, e
}

// unreachable says why there was no answer: an address that is forbidden or that nobody
// has is the user's to mend. Anything else may pass, but is not awaited for ever, as a
// failure of class Retry would be: somebody else's server is no part of us.
func unreachable(ctx context.Context, where string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		told := *e
		told.Where = where
		return &told
	}
	e := &fault.Error{Type: "unreadable-source", Where: where, Title: "the source can't be fetched", Err: err}
	if u, ok := errors.AsType[*url.Error](err); ok {
		e.Err = u.Err // it has the address once more, with all that is secret in it
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		e.Class, e.Hint = fault.User, "check the URL"
	}
	return e
}
