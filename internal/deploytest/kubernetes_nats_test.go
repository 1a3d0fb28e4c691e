package deploytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// authority is a certificate that signs itself, for a server on this machine.
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
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
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

// shipped writes the files that the NATS pods of an overlay get, with the certificates of a
// in the place of the Secret's, and returns the path of the configuration.
func shipped(t *testing.T, overlay string, a *authority) string {
	t.Helper()
	m := build(t, filesys.MakeFsOnDisk(), filepath.Join(root(t), "deploy/k8s/overlays", overlay))
	w, ok := m.workload("StatefulSet", "nats")
	if !ok {
		t.Fatal("there is no NATS")
	}
	dir := t.TempDir()
	for _, v := range w.Pod.Spec.Volumes {
		if v.ConfigMap == nil {
			continue
		}
		cm, ok := find[*corev1.ConfigMap](m, v.ConfigMap.Name)
		if !ok {
			t.Fatalf("there is no ConfigMap %s", v.ConfigMap.Name)
		}
		for name, text := range cm.Data {
			if a != nil {
				text = strings.ReplaceAll(text, "/run/secrets/reweave-nats-tls", a.dir)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return filepath.Join(dir, "nats.conf")
}

// A server with the very files of the cluster knows each service by its own password, lets
// it do what is its own to do and nothing else, and in production speaks to nobody without
// TLS. That the rights are enough for the services, internal/natsqtest shows with the same
// file.
func TestKubernetesNATSKnowsItsUsers(t *testing.T) {
	t.Setenv("POD_NAME", "nats-0")
	for _, who := range Services() {
		t.Setenv("NATS_"+strings.ToUpper(who)+"_PASSWORD", "r1e10"+who)
	}
	for overlay, a := range map[string]*authority{"local": nil, "production": newAuthority(t)} {
		t.Run(overlay, func(t *testing.T) {
			o, err := server.ProcessConfigFile(shipped(t, overlay, a))
			if err != nil {
				t.Fatal(err)
			}
			o.Host, o.Port, o.HTTPPort, o.StoreDir, o.NoSigs, o.NoLog, o.PidFile = "127.0.0.1", -1, 0, t.TempDir(), true, true, ""
			o.Cluster, o.Routes = server.ClusterOpts{}, nil // the other two are not there
			s, err := server.NewServer(o)
			if err != nil {
				t.Fatal(err)
			}
			s.Start()
			t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
			if !s.ReadyForConnections(10 * time.Second) {
				t.Fatal("NATS does not start")
			}
			checkService(t, "nats://"+s.Addr().String(), a)
		})
	}
}

func checkService(t *testing.T, url string, a *authority) {
	t.Helper()
	var secure []nats.Option
	if a != nil {
		secure = append(secure, nats.Secure(&tls.Config{RootCAs: a.pool, MinVersion: tls.VersionTLS12}))
		if _, err := nats.Connect(url, nats.UserInfo("encoder", "r1e10encoder"), nats.Timeout(2*time.Second)); err == nil {
			t.Error("a client that does not know the authority came in")
		}
	}
	for who, password := range map[string]string{"encoder": "r1e10muxer", "reweave": "r1e10", "": ""} {
		if _, err := nats.Connect(url, append(slices.Clone(secure), nats.UserInfo(who, password))...); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("user %q with the password %q: %v", who, password, err)
		}
	}
	own := map[string]string{"api": "jobq.normal.j", "splitter": "split.j.v0", "encoder": "try.j.v0", "muxer": "evt.j.done"}
	for _, who := range slices.Sorted(maps.Keys(own)) {
		for owner, subject := range own {
			if who == "muxer" && owner == "api" { // it sends again what got lost
				continue
			}
			err := publish(t, url, who, subject, secure)
			if who == owner && err != nil || who != owner && !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s publishes %s: %v", who, subject, err)
			}
		}
	}
}

// publish returns what the server says of a message of a service.
func publish(t *testing.T, url, who, subject string, secure []nats.Option) error {
	t.Helper()
	said := make(chan error, 8)
	opts := append(slices.Clone(secure), nats.UserInfo(who, "r1e10"+who), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { said <- err }))
	closed := make(chan struct{})
	nc, err := nats.Connect(url, append(opts, nats.ClosedHandler(func(*nats.Conn) { close(closed) }))...)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(nc.Publish(subject, []byte("x")), nc.FlushTimeout(10*time.Second)); err != nil {
		t.Error(err)
	}
	nc.Close()
	<-closed // behind all that the client had to tell
	select {
	case err := <-said:
		return err
	default:
		return nil
	}
}
