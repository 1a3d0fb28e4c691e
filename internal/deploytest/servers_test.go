package deploytest

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// patience bounds each wait of these tests; a machine under load needs most of it.
const patience = 60 * time.Second

// servers are three servers of the production cluster on this machine, each with the files
// that its pod gets. Addresses and directories are other ones, and nothing else.
type servers struct {
	keys  ring
	certs certificates
	ports [3]int
	all   []*server.Server
	heard heard
}

func newServers(t *testing.T) *servers {
	t.Helper()
	s := &servers{keys: newRing(t), certs: both(t)}
	for i := range s.ports {
		s.ports[i] = freePort(t)
	}
	for i := range s.ports {
		s.all = append(s.all, start(t, s.config(t, fmt.Sprintf("nats-%d", i), s.ports[i], s.certs), &s.heard))
	}
	return s
}

// formed waits until each of the three has a route to both others.
func (s *servers) formed(t *testing.T) {
	t.Helper()
	for _, one := range s.all {
		await(t, one.Name()+" to know the others", func() bool { return len(peers(one)) == 2 })
	}
}

// peers are the names of the servers that one has routes to.
func peers(one *server.Server) map[string]bool {
	names := map[string]bool{}
	r, err := one.Routez(nil)
	if err != nil {
		return nil
	}
	for _, route := range r.Routes {
		names[route.RemoteName] = true
	}
	return names
}

// config writes the files of one pod and returns the path of its configuration.
func (s *servers) config(t *testing.T, pod string, port int, certs certificates) string {
	t.Helper()
	t.Setenv("POD_NAME", pod)
	file := shipped(t, "production", certs)
	changes := []string{
		"listen: 0.0.0.0:4222", "listen: 127.0.0.1:-1", "http: 0.0.0.0:8222\n", "", "/run/nats/nats.pid", filepath.Join(t.TempDir(), "pid"),
		"store_dir: /data", fmt.Sprintf("store_dir: %q", t.TempDir()), "listen: 0.0.0.0:6222", fmt.Sprintf("listen: 127.0.0.1:%d", port),
	}
	for i, p := range s.ports {
		changes = append(changes, fmt.Sprintf("nats-%d.nats-headless:6222", i), fmt.Sprintf("127.0.0.1:%d", p))
	}
	replace(t, file, changes...)
	return file
}

// replace changes a file: each old text, which must be there, for the new one behind it.
func replace(t *testing.T, file string, oldNew ...string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := string(text)
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(changed, oldNew[i]) {
			t.Fatalf("%s does not hold %q any more", file, oldNew[i])
		}
		changed = strings.ReplaceAll(changed, oldNew[i], oldNew[i+1])
	}
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // on this machine
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func start(t *testing.T, file string, h *heard) *server.Server {
	t.Helper()
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o.NoSigs, o.NoLog = true, h == nil
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	if h != nil {
		s.SetLoggerV2(h, false, false, false)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-late:
			t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// between is a part of a file, from one text to the end of another.
func between(t *testing.T, file, from, to string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), from)
	part, _, ended := strings.Cut(rest, to)
	if !found || !ended {
		t.Fatalf("%s has no %q and %q", file, from, to)
	}
	return from + part + to
}

// knock does a server's handshake at a route's port and reads the first line. That it is
// refused, the one that knocks learns with that line.
func knock(t *testing.T, addr string, trusts *x509.CertPool, show *authority) error {
	t.Helper()
	c := &tls.Config{RootCAs: trusts, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
	if show != nil {
		pair, err := tls.LoadX509KeyPair(filepath.Join(show.dir, "tls.crt"), filepath.Join(show.dir, "tls.key"))
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := (&tls.Dialer{Config: c}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "INFO ") {
		err = fmt.Errorf("it says %q", line)
	}
	return err
}

// heard collects what servers complain of.
type heard struct {
	mu   sync.Mutex
	said []string
}

func (h *heard) count(text string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, line := range h.said {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// Errorf keeps one complaint.
func (h *heard) Errorf(format string, v ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, fmt.Sprintf(format, v...))
}

// Noticef and the others are no complaints.
func (h *heard) Noticef(string, ...any) {}

// Warnf is no complaint.
func (h *heard) Warnf(string, ...any) {}

// Fatalf is a complaint.
func (h *heard) Fatalf(format string, v ...any) { h.Errorf(format, v...) }

// Debugf is no complaint.
func (h *heard) Debugf(string, ...any) {}

// Tracef is no complaint.
func (h *heard) Tracef(string, ...any) {}
