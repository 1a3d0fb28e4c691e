package source

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

func TestPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"93.184.216.34": true, "8.8.8.8": true, "2606:2800:220:1:248:1893:25c8:1946": true, "192.0.1.1": true, "172.32.0.1": true,
		"127.0.0.1": false, "127.1.2.3": false, "::1": false, "0.0.0.0": false, "0.1.2.3": false, "::": false,
		"10.1.2.3": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "fd00:ec2::254": false, "fc00::1": false,
		"169.254.169.254": false, "169.254.1.1": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false,
		"100.100.100.200": false, "100.64.0.1": false, "192.0.0.192": false, "168.63.129.16": false,
		"198.18.0.1": false, "224.0.0.1": false, "239.1.1.1": false, "ff02::1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:8.8.8.8": true, "::127.0.0.1": false,
		"192.0.2.1": false, "198.51.100.1": false, "203.0.113.1": false, "2001:db8::1": false, "3fff::1": false,
		"::ffff:0:127.0.0.1": false, "100::1": false, "2001:20::1": false, "5f00::1": false, "192.88.99.1": false,
		"64:ff9b::7f00:1": false, "64:ff9b:1::1": false, "2002:7f00:1::": false, "2001:0:7f00:1::": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// server listens on an address of this machine.
func server(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func open(t *testing.T, client Getter, url string) ([]byte, error) {
	t.Helper()
	o := Opener{HTTP: client}
	s, err := o.Open(t.Context(), job.Job{Spec: job.Spec{Source: url, Name: "film"}}, t.TempDir())
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if s.Stream == nil {
		return nil, errors.New("it is not streamed")
	}
	return io.ReadAll(s.Stream)
}

func TestGuardedClientRefusesThisMachine(t *testing.T) {
	asked := false
	s := server(t, func(http.ResponseWriter, *http.Request) { asked = true })
	for _, url := range []string{s.URL + "/a.mp4", strings.Replace(s.URL, "127.0.0.1", "localhost", 1) + "/a.mp4", "http://[::1]:1/a.mp4", "http://2130706433:1/"} {
		_, err := open(t, GuardedClient(), url)
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Class != fault.User && e.Class != fault.Internal {
			t.Errorf("%s: %v", url, err)
		} else if strings.Contains(url, "127.0.0.1") && (e.Type != "forbidden-address" || !strings.HasPrefix(e.Error(), url)) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if asked {
		t.Error("this machine was asked")
	}
}

// A redirect to an address that is not allowed ends there, though the first one was.
func TestGuardedClientRefusesRedirects(t *testing.T) {
	asked := false
	inside := server(t, func(http.ResponseWriter, *http.Request) { asked = true })
	_, port, _ := strings.Cut(strings.TrimPrefix(inside.URL, "http://"), ":")
	outside := server(t, func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{
			"/metadata": "http://169.254.169.254/latest/meta-data/", "/private": "http://10.0.0.1/", "/inside": "http://127.0.0.2:" + port + "/",
			"/loop": "/loop",
		}[r.URL.Path]
		http.Redirect(w, r, to, http.StatusFound)
	})
	client := guarded(func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") })
	for path, slug := range map[string]string{
		"/metadata": "forbidden-address", "/private": "forbidden-address", "/inside": "forbidden-address", "/loop": "unreadable-source",
	} {
		_, err := open(t, client, outside.URL+path)
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Class != fault.User || e.Type != slug || !strings.HasPrefix(e.Error(), outside.URL+path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if asked {
		t.Error("the inside was asked")
	}
}

func TestRedirectFromHTTPSToPlainHTTP(t *testing.T) {
	req := func(url string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"https://a", "https://b", true}, {"http://a", "http://b", true}, {"http://a", "https://b", true}, {"https://a", "http://b", false},
	} {
		if err := checkRedirect(req(c.to), []*http.Request{req(c.from)}); (err == nil) != c.ok {
			t.Errorf("%s to %s: %v", c.from, c.to, err)
		}
	}
}

func TestHTTP(t *testing.T) {
	const film = "YUV4MPEG2 W2 H2 F25:1\nFRAME\n123456"
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/film":
			_, _ = io.WriteString(w, film)
		case "/presigned":
			if r.URL.RawQuery == "sig=hunter2&x=%2F" {
				_, _ = io.WriteString(w, film)
			}
		case "/short":
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, film)
		case "/empty":
		case "/gone":
			w.WriteHeader(http.StatusNotFound)
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/slower":
			w.WriteHeader(http.StatusTooManyRequests)
		case "/cut":
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				conn.Close()
			}
		}
	})
	client := guarded(func(netip.Addr) bool { return true })
	if got, err := open(t, client, s.URL+"/film"); err != nil || string(got) != film {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := open(t, client, s.URL+"/presigned?sig=hunter2&x=%2F"); err != nil || string(got) != film {
		t.Errorf("presigned: %q, %v", got, err)
	}
	nameless := Opener{HTTP: client}
	_, err := nameless.Open(t.Context(), job.Job{Spec: job.Spec{Source: s.URL + "/empty?sig=hunter2"}}, t.TempDir())
	if e, ok := errors.AsType[*fault.Error](err); !ok || e.Type != "empty-source" || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a source without a name: %v", err)
	}
	dead := httptest.NewServer(nil)
	dead.Close()
	for url, want := range map[string]struct {
		class fault.Class
		slug  string
	}{
		s.URL + "/empty":            {fault.User, "empty-source"},
		s.URL + "/gone":             {fault.User, "unreadable-source"},
		s.URL + "/busy":             {fault.Internal, "unreadable-source"},
		s.URL + "/slower":           {fault.Internal, "unreadable-source"},
		s.URL + "/cut":              {fault.Internal, "unreadable-source"},
		dead.URL + "/a":             {fault.Internal, "unreadable-source"},
		"http://a b/":               {fault.User, "invalid-source"},
		s.URL + "/gone?sig=hunter2": {fault.User, "unreadable-source"},
		strings.Replace(dead.URL, "//", "//me:hunter2@", 1) + "/a?sig=hunter2": {fault.Internal, "unreadable-source"},
	} {
		_, err := open(t, client, url)
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Class != want.class || e.Type != want.slug {
			t.Errorf("%s: %v, want %s", url, err, want.slug)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the message tells a secret: %v", url, err)
		}
	}
	if _, err := open(t, client, s.URL+"/short"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that is cut off: %v", err)
	}
}

func TestNameThatNobodyHas(t *testing.T) {
	for err, want := range map[error]fault.Class{
		&net.DNSError{Err: "no such host", Name: "nowhere", IsNotFound: true}:      fault.User,
		&net.DNSError{Err: "server misbehaving", Name: "nowhere", IsTimeout: true}: fault.Internal,
	} {
		asked := &url.Error{Op: "Get", URL: "https://nowhere/a?sig=hunter2", Err: err}
		if got := unreachable(t.Context(), "https://nowhere/a", asked); fault.Of(got) != want || strings.Contains(got.Error(), "hunter2") {
			t.Errorf("%v: %v", err, got)
		}
	}
}

func TestHTTPEndsWithItsContext(t *testing.T) {
	cause := errors.New("the job was cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	s := server(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel(cause)
		<-r.Context().Done() // an answer could be there before the cancellation is seen
	})
	o := Opener{HTTP: guarded(func(netip.Addr) bool { return true })}
	if _, err := o.Open(ctx, job.Job{Spec: job.Spec{Source: s.URL + "/a"}}, t.TempDir()); !errors.Is(err, cause) {
		t.Errorf("%v, want %v", err, cause)
	}
}
