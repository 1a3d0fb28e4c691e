package cli

import (
	"context"
	"fmt"
	"net"

	"github.com/reweave/reweave/pkg/fault"
)

// checkAddress refuses what is no address.
func checkAddress(flag, addr string) error {
	if addr == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return fault.Userf("bad-address", flag, fmt.Sprintf("%q is no address", addr), "give HOST:PORT, such as 127.0.0.1:8080")
	}
	return nil
}

// checkExposed refuses an address of the API that others reach while it asks nobody who
// they are.
func checkExposed(addr string, asks bool) error {
	if asks || loopback(addr) {
		return nil
	}
	return fault.Userf("insecure-address", "--listen", addr+" can be reached by others, and without tokens the API asks nobody who they are",
		"make a token with reweave token new and name the file in REWEAVE_API_TOKENS, or use 127.0.0.1:PORT")
}

// loopback reports whether only this machine reaches the address.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func listen(ctx context.Context, flag, addr string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fault.Userf("bad-address", flag, "can't listen there: "+err.Error(), "choose another address")
	}
	return l, nil
}
