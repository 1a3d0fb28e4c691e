package natsqtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/reweave/reweave/pkg/queue/natsq"
)

// keyring is a directory with the seed of each service, and of workers.
type keyring struct{ dir string }

// newKeyring makes a key for each service and the admin and tells the server's configuration, by its
// variables, the public halves.
func newKeyring(t *testing.T) keyring {
	t.Helper()
	k := keyring{t.TempDir()}
	for _, s := range append([]string{"admin"}, services...) {
		t.Setenv(variable(s), k.make(t, s))
	}
	return k
}

// variable is what the server's configuration calls the public half of a service's key.
func variable(service string) string { return "NATS_" + strings.ToUpper(service) + "_NKEY" }

// seed is the path of a seed.
func (k keyring) seed(who string) string { return filepath.Join(k.dir, who+".seed") }

// make makes a key, or another one in the place of an old one, and returns its public half.
func (k keyring) make(t *testing.T, who string) string {
	t.Helper()
	pair := must(nkeys.CreateUser())(t)
	ok(t, os.WriteFile(k.seed(who), must(pair.Seed())(t), 0o600))
	return public(t, pair)
}

// deployment is a server with the rights of deploy/nats, whose configuration may be changed.
type deployment struct {
	*natsserver.Server
	keys keyring
	dir  string // of nats.conf
	// show puts the credential of a service into its configuration.
	show func(c *natsq.Config, who string)
	// also changes what the configuration says, as a test needs it.
	also func(*natsserver.Options)
}

// deployed runs a server with the users and rights of deploy/nats.
func deployed(t *testing.T) *deployment {
	t.Helper()
	store := t.TempDir()
	d := &deployment{keys: newKeyring(t), dir: copied(t), also: func(o *natsserver.Options) {
		o.Host, o.Port, o.HTTPPort, o.StoreDir, o.SyncAlways = "127.0.0.1", natsserver.RANDOM_PORT, 0, store, false
	}}
	d.show = func(c *natsq.Config, who string) { c.NKey = d.keys.seed(who) }
	d.start(t)
	return d
}

// copied is a copy of deploy/nats, without TLS, which internal/deploytest has its tests for.
func copied(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	ok(t, os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "deploy", "nats"))))
	ok(t, os.WriteFile(filepath.Join(dir, "tls.conf"), nil, 0o600))
	return dir
}

// shown is how a client of NATS's own shows the credential of a service.
func (d *deployment) shown(t *testing.T, who string) nats.Option {
	t.Helper()
	var c natsq.Config
	d.show(&c, who)
	if c.Creds != "" {
		return nats.UserCredentials(c.Creds)
	}
	return must(nats.NkeyOptionFromSeed(c.NKey))(t)
}

func (d *deployment) options(t *testing.T) *natsserver.Options {
	t.Helper()
	o := must(natsserver.ProcessConfigFile(filepath.Join(d.dir, "nats.conf")))(t)
	o.NoSigs, o.NoLog = true, true
	d.also(o)
	return o
}

func (d *deployment) start(t *testing.T) {
	t.Helper()
	d.Server = must(natsserver.NewServer(d.options(t)))(t)
	d.Start()
	t.Cleanup(func() { d.Shutdown(); d.WaitForShutdown() })
	if !d.ReadyForConnections(limit) {
		t.Fatal("NATS is not ready")
	}
}

// edit changes a file of the configuration, as its owner would, and has the server read it.
func (d *deployment) edit(t *testing.T, file, old, new string) {
	t.Helper()
	path := filepath.Join(d.dir, file)
	text := string(must(os.ReadFile(path))(t))
	if !strings.Contains(text, old) {
		t.Fatalf("%s does not hold %q", file, old)
	}
	ok(t, os.WriteFile(path, []byte(strings.Replace(text, old, new, 1)), 0o600))
	d.reload(t)
}

// reload has the server read its configuration again.
func (d *deployment) reload(t *testing.T) {
	t.Helper()
	ok(t, d.ReloadOptions(d.options(t)))
}
