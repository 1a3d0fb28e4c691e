package deploytest

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Three servers with the very files of production become a cluster over TLS, and keep a
// stream on all three.
func TestProductionClusterForms(t *testing.T) {
	s := newServers(t)
	s.formed(t)
	secure := nats.Secure(&tls.Config{RootCAs: s.certs["reweave-nats-tls"].pool, MinVersion: tls.VersionTLS12})
	nc, err := nats.Connect("tls://"+s.all[0].Addr().String(), s.keys.key(t, "api"), secure, nats.CustomInboxPrefix("_INBOX_api"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stream jetstream.Stream
	await(t, "a stream on three servers", func() bool {
		once, cancel := context.WithTimeout(ctx, 2*time.Second) // nobody answers while there is no leader
		defer cancel()
		stream, err = js.CreateStream(once, jetstream.StreamConfig{Name: "JOBQ", Subjects: []string{"jobq.>"}, Replicas: 3})
		return err == nil
	})
	if _, err := js.Publish(ctx, "jobq.normal.j", []byte("x")); err != nil {
		t.Fatal(err)
	}
	await(t, "three current copies", func() bool {
		info, err := stream.Info(ctx)
		current := 0
		if err == nil && info.Cluster != nil && info.Cluster.Leader != "" {
			for _, p := range info.Cluster.Replicas {
				if p.Current {
					current++
				}
			}
		}
		return current == 2 && info.State.Msgs == 1
	})
}

// Nobody becomes a server of the cluster without a certificate of its own authority: not
// with none, not with that of the clients, which every worker may have, and not without TLS.
func TestRoutesNeedTheirCertificate(t *testing.T) {
	s := newServers(t)
	s.formed(t)
	own, clients := s.certs["reweave-nats-routes"], s.certs["reweave-nats-tls"]
	for name, c := range map[string]struct {
		show *authority
		in   bool
	}{"no certificate": {nil, false}, "a client's certificate": {clients, false}, "its own certificate": {own, true}} {
		if err := knock(t, fmt.Sprintf("127.0.0.1:%d", s.ports[0]), own.pool, c.show); (err == nil) != c.in {
			t.Errorf("a server with %s: %v", name, err)
		}
	}

	// Whole servers, which trust the others. One shows the clients' certificate.
	mixed := &authority{dir: t.TempDir()}
	for name, from := range map[string]*authority{"ca.crt": own, "tls.crt": clients, "tls.key": clients} {
		text, err := os.ReadFile(filepath.Join(from.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(mixed.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plain := s.config(t, "nats-8", freePort(t), s.certs)
	replace(t, plain, between(t, plain, "  tls {\n", "  }\n"), "")
	for said, file := range map[string]string{
		"first record does not look like a TLS handshake": plain,
		"failed to verify certificate":                    s.config(t, "nats-9", freePort(t), certificates{"reweave-nats-tls": clients, "reweave-nats-routes": mixed}),
	} {
		stranger := start(t, file, nil)
		await(t, "a server to be refused three times: "+said, func() bool { return s.heard.count(said) >= 3 })
		if n := stranger.NumRoutes(); n != 0 {
			t.Errorf("a server has %d routes: %s", n, said)
		}
		stranger.Shutdown()
		stranger.WaitForShutdown()
	}
	for _, one := range s.all {
		if p := peers(one); len(p) != 2 || p["nats-8"] || p["nats-9"] {
			t.Errorf("%s has routes to %v", one.Name(), p)
		}
	}
}
