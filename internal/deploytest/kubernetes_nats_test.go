package deploytest

import (
	"crypto/tls"
	"errors"
	"maps"
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

// certificates are authorities in the place of Secrets.
type certificates map[string]*authority

// both are what production has: an authority for clients and one for the servers alone.
func both(t *testing.T) certificates {
	t.Helper()
	return certificates{"reweave-nats-tls": newAuthority(t), "reweave-nats-routes": newAuthority(t)}
}

// shipped writes the files that the NATS pods of an overlay get, with certificates in the
// place of the Secrets', and returns the path of the configuration.
func shipped(t *testing.T, overlay string, certs certificates) string {
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
			for secret, a := range certs {
				text = strings.ReplaceAll(text, "/run/secrets/"+secret, a.dir)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return filepath.Join(dir, "nats.conf")
}

// A server with the very files of the cluster knows each service by its own key, lets
// it do what is its own to do and nothing else, and in production speaks to nobody without
// TLS. That the rights are enough for the services, internal/natsqtest shows with the same
// file.
func TestKubernetesNATSKnowsItsUsers(t *testing.T) {
	t.Setenv("POD_NAME", "nats-0")
	keys := newRing(t)
	for overlay, certs := range map[string]certificates{"local": nil, "production": both(t)} {
		t.Run(overlay, func(t *testing.T) {
			o, err := server.ProcessConfigFile(shipped(t, overlay, certs))
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
			checkService(t, "nats://"+s.Addr().String(), keys, certs["reweave-nats-tls"])
		})
	}
}

func checkService(t *testing.T, url string, keys ring, a *authority) {
	t.Helper()
	var secure []nats.Option
	if a != nil {
		secure = append(secure, nats.Secure(&tls.Config{RootCAs: a.pool, MinVersion: tls.VersionTLS12}))
		if _, err := nats.Connect(url, keys.key(t, "encoder"), nats.Timeout(2*time.Second)); err == nil {
			t.Error("a client that does not know the authority came in")
		}
	}
	for name, credential := range map[string]nats.Option{
		"a stranger's key": keys.key(t, "stranger"), "a password": nats.UserInfo("encoder", "encoder"), "nothing": nats.Name("nobody"),
		"the public half alone": nats.Nkey(os.Getenv("NATS_ENCODER_NKEY"), func([]byte) ([]byte, error) { return make([]byte, 64), nil }),
	} {
		if _, err := nats.Connect(url, append(slices.Clone(secure), credential)...); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("with %s: %v", name, err)
		}
	}
	own := map[string]string{"api": "jobq.normal.j", "splitter": "split.j.v0", "encoder": "try.j.v0", "muxer": "evt.j.done"}
	for _, who := range slices.Sorted(maps.Keys(own)) {
		for owner, subject := range own {
			if who == "muxer" && owner == "api" { // it sends again what got lost
				continue
			}
			err := publish(t, url, subject, append(slices.Clone(secure), keys.key(t, who)))
			if who == owner && err != nil || who != owner && !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s publishes %s: %v", who, subject, err)
			}
		}
	}
}

// publish returns what the server says of a message of a service.
func publish(t *testing.T, url, subject string, as []nats.Option) error {
	t.Helper()
	said := make(chan error, 8)
	opts := append(slices.Clone(as), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { said <- err }))
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
