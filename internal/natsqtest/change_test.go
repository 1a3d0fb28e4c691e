package natsqtest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/queue/natsq"
)

// A service whose key is replaced, its seed in the file and its public half with the
// server, goes on with the new one without a restart; nobody comes in with the old one.
func TestKeysAreReplaced(t *testing.T) {
	d := deployed(t)
	join(t, d, "api", testenv.Logger(t)) // makes the streams
	b := join(t, d, "encoder", testenv.Logger(t))
	old := d.keys.seed("old")
	ok(t, os.Rename(d.keys.seed("encoder"), old))
	t.Setenv(variable("encoder"), d.keys.make(t, "encoder"))
	ok(t, b.Check(t.Context())) // the connection that is there stays
	d.reload(t)
	eventually(t, "the encoder to be back with its new key", func() bool {
		return b.Conn().Stats().Reconnects > 0 && b.Check(t.Context()) == nil
	})
	if _, err := nats.Connect(d.ClientURL(), must(nats.NkeyOptionFromSeed(old))(t)); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("with the old key: %v", err)
	}
}

// workerLine is a line for a remote worker, as "reweave keys new --worker" prints it.
func workerLine(name, public string) string {
	return "{nkey: " + public + `, permissions: {publish: $ENCODER_PUBLISH, subscribe: {allow: ["_INBOX_` + name + `.>", "poke.>", "cancel.*"]}}}`
}

// A worker with a key of its own is let in by a line, has the rights of an encoder, reads
// no answers but its own, and is shut out by the line's removal at once, while others work
// on. It goes on trying without filling its log, and is back when it may come in again.
func TestAWorkerIsLetInAndShutOut(t *testing.T) {
	d := deployed(t)
	join(t, d, "api", testenv.Logger(t))
	other := join(t, d, "encoder", testenv.Logger(t))
	const last = "$ADMIN_RIGHTS}\n"
	line := workerLine("west", d.keys.make(t, "west")) + "\n"
	d.edit(t, "users.conf", last, last+line)

	var refused denials
	west := join(t, d, "west", refused.logger(t, "west"))
	ok(t, west.Check(t.Context()))
	ok(t, deny(t, d, "west", func(nc *nats.Conn) error { return nc.Publish("done.j.v0", []byte("x")) }))
	for _, subject := range []string{"jobq.normal.j", "$KV.secrets.j", "$JS.API.STREAM.DELETE.SEG"} {
		if err := deny(t, d, "west", func(nc *nats.Conn) error { return nc.Publish(subject, []byte("x")) }); !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("the worker publishes %s: %v", subject, err)
		}
	}
	err := deny(t, d, "west", func(nc *nats.Conn) error { _, err := nc.SubscribeSync("_INBOX_encoder.>"); return err })
	if !errors.Is(err, nats.ErrPermissionViolation) {
		t.Errorf("the worker listens to the answers of others: %v", err)
	}

	d.edit(t, "users.conf", line, "")
	before := connections(t, d)
	eventually(t, "the worker to have tried ten times", func() bool { return connections(t, d) >= before+10 })
	if west.Check(t.Context()) == nil {
		t.Error("the worker that was shut out is still in")
	}
	if err := other.Check(t.Context()); err != nil || other.Conn().Stats().Reconnects != 0 {
		t.Errorf("the other encoder was disturbed: %v", err)
	}
	d.edit(t, "users.conf", last, last+line)
	eventually(t, "the worker to be back", func() bool { return west.Check(t.Context()) == nil })
	if n := len(refused.all()); n == 0 || n > 3 {
		t.Errorf("the worker told %d times that it is shut out", n)
	}
}

// connections are how many clients ever came to the server's door.
func connections(t *testing.T, d *deployment) uint64 {
	t.Helper()
	return must(d.Varz(nil))(t).TotalConnections
}

// A service with a password, as before there were keys, still comes in where the server
// knows one.
func TestPasswordsStillWork(t *testing.T) {
	d := deployed(t)
	join(t, d, "api", testenv.Logger(t))
	t.Setenv("NATS_ENCODER_PASSWORD", "r1e10")
	d.edit(t, "users.conf", "{nkey: $NATS_ENCODER_NKEY,", "{user: encoder, password: $NATS_ENCODER_PASSWORD,")
	c := natsq.Config{URL: strings.Replace(d.ClientURL(), "://", "://encoder:r1e10@", 1), Inbox: "_INBOX_encoder", Existing: true}
	b, err := natsq.Connect(within(t, limit), c, testenv.Logger(t))
	ok(t, err)
	defer b.Close()
	ok(t, b.Check(t.Context()))
}

// New credentials in the place of old ones count from the next connection on.
func TestCredentialsAreReplaced(t *testing.T) {
	d := operated(t)
	join(t, d, "api", testenv.Logger(t))
	b := join(t, d, "encoder", testenv.Logger(t))
	file := filepath.Join(d.keys.dir, "encoder.creds")
	// Another service's: they are as good as new ones, and tell which of the two counts.
	ok(t, os.WriteFile(file, must(os.ReadFile(filepath.Join(d.keys.dir, "muxer.creds")))(t), 0o600))
	ok(t, b.Conn().ForceReconnect())
	eventually(t, "the client to come in as another", func() bool {
		for _, c := range must(d.Connz(&natsserver.ConnzOptions{Username: true}))(t).Conns {
			if c.AuthorizedUser == os.Getenv(variable("muxer")) {
				return true
			}
		}
		return false
	})
}
