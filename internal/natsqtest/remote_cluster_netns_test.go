//go:build netns

package natsqtest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/store/s3store"
	"github.com/reweave/reweave/services/muxer"
	"github.com/reweave/reweave/services/splitter"
)

// cluster is NATS and S3 with TLS, at an address that the worker reaches.
type cluster struct {
	dir   string
	nats  *deployment
	line  string // by which NATS lets the worker in
	s3    s3store.Config
	stack *embed.Stack
}

func (c *cluster) at(name string) string { return filepath.Join(c.dir, name) }

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{dir: t.TempDir()}
	ca, other := testenv.NewCA(t), testenv.NewCA(t)
	ca.WriteCert(t, c.at("ca.pem"))
	other.WriteCert(t, c.at("other-ca.pem"))
	ca.Issue(t, c.at("server.pem"), c.at("server.key"), clusterIP)
	c.nats = &deployment{keys: newKeyring(t), dir: copied(t), also: func(o *natsserver.Options) {
		o.Host, o.Port, o.HTTPPort, o.StoreDir = clusterIP, natsserver.RANDOM_PORT, 0, c.at("jetstream")
	}}
	c.nats.show = func(cfg *natsq.Config, who string) { cfg.NKey = c.nats.keys.seed(who) }
	c.encrypt(t)
	c.nats.start(t)
	c.line = workerLine("remote", c.nats.keys.make(t, "remote")) + "\n"
	c.nats.keys.make(t, "unknown")
	c.letIn(t)
	var users []embed.User
	for _, s := range services {
		users = append(users, embed.User{Service: s, AccessKey: "key-" + s, SecretKey: "secret-of-" + s})
	}
	var err error
	c.stack, err = embed.Start(within(t, limit), embed.Options{
		Dir: t.TempDir(), S3Listen: clusterIP + ":0", S3Cert: c.at("server.pem"), S3Key: c.at("server.key"), S3Users: users, Log: testenv.Logger(t),
	})
	ok(t, err)
	t.Cleanup(func() { ok(t, c.stack.Close()) })
	c.s3 = c.stack.S3()
	c.s3.CA = c.at("ca.pem")
	return c
}

// encrypt adds to the configuration of NATS what deploy has for TLS.
func (c *cluster) encrypt(t *testing.T) {
	t.Helper()
	conf := string(must(os.ReadFile(filepath.Join("..", "..", "deploy", "k8s", "components", "nats-tls", "tls.conf")))(t))
	for file, ours := range map[string]string{"tls.crt": "server.pem", "tls.key": "server.key", "ca.crt": "ca.pem"} {
		conf = strings.Replace(conf, "/run/secrets/reweave-nats-tls/"+file, c.at(ours), 1)
	}
	f := must(os.OpenFile(filepath.Join(c.nats.dir, "nats.conf"), os.O_APPEND|os.O_WRONLY, 0))(t)
	must(f.WriteString(conf))(t)
	ok(t, f.Close())
}

// letIn has NATS know the worker, and shutOut forget it.
func (c *cluster) letIn(t *testing.T) {
	t.Helper()
	c.nats.edit(t, "users.conf", "$ADMIN_RIGHTS}\n", "$ADMIN_RIGHTS}\n"+c.line)
}

func (c *cluster) shutOut(t *testing.T) {
	t.Helper()
	c.nats.edit(t, "users.conf", c.line, "")
}

func (c *cluster) natsURL() string { return "tls://" + c.nats.Addr().String() }

func (c *cluster) join(t *testing.T, who string) *natsq.Bus {
	t.Helper()
	b, err := natsq.Connect(within(t, limit), natsq.Config{
		URL: c.natsURL(), NKey: c.nats.keys.seed(who), CA: c.at("ca.pem"), Inbox: "_INBOX_" + who, Existing: who != "api",
	}, testenv.Logger(t))
	ok(t, err)
	t.Cleanup(b.Close)
	return b
}

func (c *cluster) store(t *testing.T, who string) *s3store.Store {
	t.Helper()
	cfg := c.s3
	cfg.AccessKey, cfg.SecretKey = "key-"+who, "secret-of-"+who
	return must(s3store.Connect(within(t, limit), cfg))(t)
}

// serve runs a splitter and a muxer on the cluster's side.
func (c *cluster) serve(t *testing.T) {
	t.Helper()
	env := &testenv.Env{Log: testenv.Logger(t)}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	run := func(who string, f func(boot.Env) error) {
		b := env.Boot(who)
		b.Bus, b.Store = c.join(t, who), c.store(t, who)
		running.Go(func() {
			if err := f(b); err != nil && ctx.Err() == nil {
				t.Errorf("%s: %v", who, err)
			}
		})
	}
	scratch := t.TempDir()
	run("splitter", func(e boot.Env) error {
		return splitter.Run(ctx, splitter.Config{Jobs: 1, Scratch: filepath.Join(scratch, "s")}, e)
	})
	run("muxer", func(e boot.Env) error {
		return muxer.Run(ctx, muxer.Config{Jobs: 1, Scratch: filepath.Join(scratch, "m")}, e)
	})
}
