package source

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
)

func TestPublic(t *testing.T) {
	for addr, want := range map[string]bool{
		"93.184.215.14": true, "2606:2800:21f::1": true,
		"127.0.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "192.0.0.8": false, "198.19.0.1": false, "255.255.255.255": false,
		"224.0.0.1": false, "::1": false, "::": false, "fe80::1": false, "fd00::1": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "64:ff9b::a9fe:a9fe": false, "2002:7f00:1::": false, "::127.0.0.1": false,
	} {
		if got := public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: public is %t", addr, got)
		}
	}
}

// Whatever a name or a redirect leads to, the address counts that is dialled.
func TestGuardedClientDialsPublicAddressesAlone(t *testing.T) {
	asked := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer server.Close()
	for _, url := range []string{server.URL, "http://localhost:" + server.URL[len("http://127.0.0.1:"):], "http://169.254.169.254/", "http://[::1]:1/"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := GuardedClient().Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Type != "forbidden-address" {
			t.Errorf("%s: %v", url, err)
		}
	}
	if asked {
		t.Error("a server on this machine was asked")
	}
}
