package natsqtest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/jwt/v2"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/reweave/reweave/pkg/queue/natsq"
)

// operated runs a server that knows an operator and nobody else: who joins shows a JWT that
// the operator's account signed, with the rights of deploy/nats in it.
func operated(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{keys: newKeyring(t), dir: copied(t), also: func(*natsserver.Options) {}}
	account := must(nkeys.CreateAccount())(t)
	for _, u := range d.options(t).Nkeys {
		for _, who := range append([]string{"admin"}, services...) {
			if os.Getenv(variable(who)) == u.Nkey {
				d.issue(t, account, who, u.Permissions)
			}
		}
	}
	ok(t, os.WriteFile(filepath.Join(d.dir, "nats.conf"), []byte(operatorConf(t, account)), 0o600))
	d.show = func(c *natsq.Config, who string) { c.Creds = filepath.Join(d.keys.dir, who+".creds") }
	d.start(t)
	return d
}

// issue writes the credentials of a service, for the key that it has, in its account.
func (d *deployment) issue(t *testing.T, account nkeys.KeyPair, who string, may *natsserver.Permissions) {
	t.Helper()
	seed := must(os.ReadFile(d.keys.seed(who)))(t)
	claims := jwt.NewUserClaims(public(t, must(nkeys.FromSeed(seed))(t)))
	claims.Name = who
	claims.Pub.Allow.Add(may.Publish.Allow...)
	claims.Sub.Allow.Add(may.Subscribe.Allow...)
	text := must(jwt.FormatUserConfig(must(claims.Encode(account))(t), seed))(t)
	ok(t, os.WriteFile(filepath.Join(d.keys.dir, who+".creds"), text, 0o600))
}

// operatorConf is the configuration of a server of a new operator, whose accounts are that
// of the services and one for the server itself.
func operatorConf(t *testing.T, account nkeys.KeyPair) string {
	t.Helper()
	operator, system := must(nkeys.CreateOperator())(t), must(nkeys.CreateAccount())(t)
	claims := jwt.NewAccountClaims(public(t, account))
	claims.Name = "reweave"
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit}
	own := jwt.NewAccountClaims(public(t, system))
	own.Name = "SYS"
	return fmt.Sprintf(`
host: 127.0.0.1
port: -1
jetstream {store_dir: %q}
operator: %s
system_account: %s
resolver: MEMORY
resolver_preload {
  %s: %s
  %s: %s
}
`, t.TempDir(), must(jwt.NewOperatorClaims(public(t, operator)).Encode(operator))(t), own.Subject,
		own.Subject, must(own.Encode(operator))(t), claims.Subject, must(claims.Encode(operator))(t))
}

func public(t *testing.T, pair nkeys.KeyPair) string {
	t.Helper()
	return must(pair.PublicKey())(t)
}
