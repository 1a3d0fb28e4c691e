package deploytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// ring is a directory with the seeds of the services.
type ring string

// newRing makes a key for each service, and tells the server's configuration, by its
// variables, the public halves.
func newRing(t *testing.T) ring {
	t.Helper()
	r := ring(t.TempDir())
	for _, s := range append(joiners(), "stranger") {
		pair, err := nkeys.CreateUser()
		if err != nil {
			t.Fatal(err)
		}
		public, err := pair.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		text, err := pair.Seed()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(r.seed(s), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if s != "stranger" {
			t.Setenv("NATS_"+strings.ToUpper(s)+"_NKEY", public)
		}
	}
	return r
}

// joiners are all that have a key: the services, and whoever runs them.
func joiners() []string { return append(Services(), "admin") }

func (r ring) seed(service string) string { return filepath.Join(string(r), service) }

// key is the option by which a service shows its key.
func (r ring) key(t *testing.T, service string) nats.Option {
	t.Helper()
	o, err := nats.NkeyOptionFromSeed(r.seed(service))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// authority is a certificate that signs itself, for servers on this machine and those who
// join them.
type authority struct {
	dir  string
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nats"}, DNSNames: []string{"nats"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{dir: t.TempDir(), pool: x509.NewCertPool()}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	a.pool.AppendCertsFromPEM(text)
	for name, text := range map[string][]byte{
		"tls.crt": text, "ca.crt": text, "tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	} {
		if err := os.WriteFile(filepath.Join(a.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return a
}
