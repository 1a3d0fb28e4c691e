package natsq_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/reweave/reweave/pkg/queue/natsq"
)

// seed returns the seed of a new key pair and its public half.
func seed(t *testing.T, make func() (nkeys.KeyPair, error)) (secret, public string) {
	t.Helper()
	pair, err := make()
	if err != nil {
		t.Fatal(err)
	}
	text, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	if public, err = pair.PublicKey(); err != nil {
		t.Fatal(err)
	}
	return string(text), public
}

// What is wrong with a credential is told by the variable's name and what to do, before
// anything is connected, and never with the secret.
func TestCredentialsAreChecked(t *testing.T) {
	user, public := seed(t, nkeys.CreateUser)
	account, _ := seed(t, nkeys.CreateAccount)
	creds := "-----BEGIN NATS USER JWT-----\neyJ0.eyJq.c2ln\n------END NATS USER JWT------\n\n" +
		"-----BEGIN USER NKEY SEED-----\n" + user + "\n------END USER NKEY SEED------\n"
	dir := t.TempDir()
	at := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // past the umask
			t.Fatal(err)
		}
		return path
	}
	good := at("good", user+"\n", 0o600)
	for _, c := range []struct {
		name string
		give natsq.Config
		want string // "" for nothing wrong
	}{
		{"a seed", natsq.Config{NKey: good}, ""},
		{"a seed for a group", natsq.Config{NKey: at("group", user, 0o440)}, ""},
		{"credentials", natsq.Config{Creds: at("creds", creds, 0o600)}, ""},
		{"nothing there", natsq.Config{NKey: filepath.Join(dir, "none")}, "REWEAVE_NATS_NKEY: no readable file there: no such file"},
		{"a directory", natsq.Config{NKey: dir}, "REWEAVE_NATS_NKEY: that is no file"},
		{"a seed for everybody", natsq.Config{NKey: at("open", user, 0o644)}, "REWEAVE_NATS_NKEY: every user of this machine may open the file"},
		{"credentials for everybody", natsq.Config{Creds: at("opencreds", creds, 0o604)}, "REWEAVE_NATS_CREDS: every user of this machine"},
		{"the public half", natsq.Config{NKey: at("public", public+"\n", 0o600)}, "REWEAVE_NATS_NKEY: the file holds a public key"},
		{"an account's seed", natsq.Config{NKey: at("account", account, 0o600)}, "REWEAVE_NATS_NKEY: the file holds a seed, but not one of a user, which begins with SU"},
		{"a seed with a typo", natsq.Config{NKey: at("typo", user[:20]+"A"+user[20:], 0o600)}, "REWEAVE_NATS_NKEY: the file holds no seed of an NKEY"},
		{"an empty file", natsq.Config{NKey: at("empty", "", 0o600)}, "REWEAVE_NATS_NKEY: the file holds no seed of an NKEY"},
		{"credentials without a JWT", natsq.Config{Creds: at("nojwt", user, 0o600)}, "REWEAVE_NATS_CREDS: the file holds no JWT"},
		{"credentials without a seed", natsq.Config{Creds: at("noseed", "eyJ0.eyJq.c2ln", 0o600)}, "REWEAVE_NATS_CREDS: the file holds no seed of a user beside"},
		{"both", natsq.Config{NKey: good, Creds: filepath.Join(dir, "creds")}, "REWEAVE_NATS_NKEY and REWEAVE_NATS_CREDS: set one of them only"},
		{"a user, too", natsq.Config{NKey: good, URL: "nats://a:4222, nats://api:pw@b:4222"}, "REWEAVE_NATS_NKEY and a user in REWEAVE_NATS_URL: set one"},
		{"a user", natsq.Config{URL: "nats://api:pw@b:4222"}, ""},
	} {
		c.give.Inbox, c.give.Replicas, c.give.AckWait = "_INBOX", 1, time.Second
		err := c.give.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), user[:10]) || strings.Contains(err.Error(), "pw")) {
			t.Errorf("%s: the error tells a secret: %v", c.name, err)
		}
	}
}
