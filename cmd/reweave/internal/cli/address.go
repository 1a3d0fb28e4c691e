package cli

import (
	"context"
	"fmt"
	"net"

	"github.com/reweave/reweave/pkg/fault"
)

// checkAddress refuses what is no address, and what others could reach.
func checkAddress(flag, addr string, open bool) error {
	if addr == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return fault.Userf("bad-address", flag, fmt.Sprintf("%q is no address", addr), "give HOST:PORT, such as 127.0.0.1:8080")
	}
	if open || loopback(addr) {
		return nil
	}
	return fault.Userf("insecure-address", flag, addr+" can be reached by others, and the API doesn't ask who they are yet",
		"use 127.0.0.1:PORT, or add --insecure-listen where the network is yours alone")
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
