package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/reweave/reweave/internal/embed"
)

// Every service has a key of its own for NATS and one for S3, with the rights of deploy/nats
// and deploy/s3; the harness has keys that may do everything.

var kinds = []string{"api", "splitter", "encoder", "muxer"}

// seed is the path of the seed of who has a key for NATS: a service, or the harness.
func (w *world) seed(who string) string { return filepath.Join(w.dir, who+".seed") }

// makeKeys makes all keys, and notes what the servers are to know of them.
func (w *world) makeKeys() (err error) {
	if w.natsKey, err = putSeed(w.seed("harness")); err != nil {
		return err
	}
	for _, kind := range append([]string{"admin"}, kinds...) {
		public, err := putSeed(w.seed(kind))
		if err != nil {
			return err
		}
		w.rights = append(w.rights, "NATS_"+strings.ToUpper(kind)+"_NKEY="+public)
	}
	root, err := workspace()
	if err != nil {
		return err
	}
	var users []embed.User
	for _, kind := range kinds {
		access, secret := w.s3Key(kind)
		users = append(users, embed.User{Service: kind, AccessKey: access, SecretKey: secret})
	}
	text, err := json.Marshal(users)
	w.rights = append(w.rights, rightsEnv+"="+filepath.Join(root, "deploy", "nats", "users.conf"), usersEnv+"="+string(text))
	return err
}

// s3Key is the key of a service for S3.
func (w *world) s3Key(kind string) (access, secret string) { return kind, kind + w.secret }

// identity is what a service of a kind shows NATS and S3.
func (w *world) identity(kind string) []string {
	access, secret := w.s3Key(kind)
	env := []string{
		"REWEAVE_NATS_NKEY=" + w.seed(kind), "REWEAVE_NATS_INBOX=_INBOX_" + kind,
		"REWEAVE_S3_ACCESS_KEY=" + access, "REWEAVE_S3_SECRET_KEY=" + secret,
	}
	if kind != "api" {
		env = append(env, "REWEAVE_NATS_EXISTING=true")
	}
	return env
}

// putSeed writes the seed of a new key to a file and returns the public half.
func putSeed(file string) (public string, err error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", err
	}
	seed, err := pair.Seed()
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, seed, 0o600); err != nil {
		return "", err
	}
	return pair.PublicKey()
}

// workspace is the root of this repository.
func workspace() (string, error) {
	out, err := exec.Command("go", "env", "GOWORK").Output() //nolint:noctx // it ends
	if err != nil {
		return "", fmt.Errorf("ask go for the workspace: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if file == "" || file == "off" {
		return "", errors.New("run it in the repository: it reads deploy/nats and builds what it needs")
	}
	return filepath.Dir(file), nil
}

// undenied wants no service to have asked NATS or S3 for what it has no right to.
func (w *world) undenied() error {
	var errs []error
	for name := range w.services {
		log, err := os.ReadFile(filepath.Join(w.dir, "log", name+".log"))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(log)) {
			if strings.Contains(strings.ToLower(line), "permissions violation") || strings.Contains(line, "the object store refused the") {
				errs = append(errs, fmt.Errorf("%s was denied something: %s", name, line))
				break
			}
		}
	}
	return errors.Join(errs...)
}
