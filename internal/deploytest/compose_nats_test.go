package deploytest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// composeNATS copies the files that compose's NATS gets, with the certificate of another
// directory, and returns the path of the configuration.
func composeNATS(t *testing.T, certificate string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"nats.conf", "tls.conf", "users.conf", "permissions.conf"} {
		if err := os.WriteFile(filepath.Join(dir, name), read(t, "deploy/nats/"+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replace(t, filepath.Join(dir, "tls.conf"), "/etc/reweave/nats", certificate)
	return filepath.Join(dir, "nats.conf")
}

// to leads a client to an address, whatever name it asks for.
type to string

// Dial is [nats.CustomDialer].
func (a to) Dial(network, _ string) (net.Conn, error) {
	return (&net.Dialer{Timeout: patience}).DialContext(context.Background(), network, string(a))
}

// NATS of compose, with what env.sh made and nothing else: who trusts its certificate comes
// in under the name that compose gives it, and nobody in the clear, under another name or
// with another authority's certificate.
func TestComposeNATSSpeaksTLSAlone(t *testing.T) {
	e := newEnvScript(t)
	for name, value := range e.run(t) {
		t.Setenv(name, value)
	}
	o, err := server.ProcessConfigFile(composeNATS(t, filepath.Join(e.dir, "keys/nats")))
	if err != nil {
		t.Fatal(err)
	}
	o.Host, o.Port, o.HTTPPort, o.StoreDir, o.NoSigs, o.NoLog = "127.0.0.1", -1, 0, t.TempDir(), true, true
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("NATS does not start")
	}
	join := func(url, ca string) error {
		key, err := nats.NkeyOptionFromSeed(filepath.Join(e.dir, "keys/encoder/seed"))
		if err != nil {
			t.Fatal(err)
		}
		nc, err := nats.Connect(url, key, nats.RootCAs(ca), nats.SetCustomDialer(to(s.Addr().String())), nats.SkipHostLookup(), nats.Timeout(patience))
		if err == nil {
			defer nc.Close()
			if _, err := nc.TLSConnectionState(); err != nil {
				t.Errorf("%s: in the clear: %v", url, err)
			}
		}
		return err
	}
	own := filepath.Join(e.dir, "keys/ca/nats.crt")
	if err := join("tls://nats:4222", own); err != nil {
		t.Errorf("with what compose gives it: %v", err)
	}
	if err := join("tls://nats:4222", filepath.Join(newAuthority(t).dir, "ca.crt")); !isA[x509.UnknownAuthorityError](err) && !isA[*tls.CertificateVerificationError](err) {
		t.Errorf("with another authority: %v", err)
	}
	if err := join("tls://stan:4222", own); !isA[x509.HostnameError](err) {
		t.Errorf("under another name: %v", err)
	}
	if text, err := plainly(t, s.Addr().String()); err == nil {
		t.Errorf("in the clear it answers %q", text)
	}
}

func isA[E error](err error) bool { _, ok := errors.AsType[E](err); return ok }

// plainly says hello without TLS and returns the answer.
func plainly(t *testing.T, addr string) (string, error) {
	t.Helper()
	conn, err := to(addr).Dial("tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64<<10)
	if _, err := conn.Read(b); err != nil { // its INFO
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("CONNECT {\"verbose\":true}\r\nPING\r\n")); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(b)
	return string(b[:n]), err
}
