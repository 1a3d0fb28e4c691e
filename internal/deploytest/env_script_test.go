package deploytest

import (
	"crypto/tls"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/nats-io/nkeys"
)

// envScript is a copy of deploy/env.sh that may write, and the program that makes its keys.
type envScript struct{ dir, reweave string }

func newEnvScript(t *testing.T) envScript {
	t.Helper()
	e := envScript{t.TempDir(), program(t)}
	for _, name := range []string{"env.sh", "reweave.env.example"} {
		text := read(t, "deploy/"+name)
		if err := os.WriteFile(filepath.Join(e.dir, name), text, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// built is the directory of the program, which is built once for all tests.
var built struct {
	sync.Mutex
	dir string
}

func TestMain(m *testing.M) {
	m.Run()                     // the testing package takes the exit code from m
	_ = os.RemoveAll(built.dir) // the system's directory for temporary files is swept anyhow
}

// program returns the path of reweave.
func program(t *testing.T) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "reweave-deploytest-*") //nolint:usetesting // later tests use it, too
		if err != nil {
			t.Fatal(err)
		}
		// Without what only a debugger reads, linking takes half as long.
		cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", dir, "./cmd/reweave")
		cmd.Dir = root(t)
		if out, err := cmd.CombinedOutput(); err != nil {
			_ = os.RemoveAll(dir)
			t.Fatalf("build reweave: %v: %s", err, out)
		}
		built.dir = dir
	}
	return filepath.Join(built.dir, "reweave")
}

// run runs the script and returns what .env says then.
func (e envScript) run(t *testing.T) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(e.dir, "env.sh"))
	// The file is named as the README says, from above deploy.
	cmd.Env = append(os.Environ(), "REWEAVE="+e.reweave, "REWEAVE_TOKEN_FILE=deploy/token")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("env.sh: %v: %s", err, out)
	} else if strings.Contains(string(out), "SU") || strings.Contains(string(out), "PRIVATE") {
		t.Errorf("env.sh prints a seed or a key")
	}
	values, err := dotenv.UnmarshalWithLookup(string(e.text(t, ".env")), nil)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func (e envScript) text(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// checkKeys wants a seed for each service that its container may read and others may not,
// and the public half of just that seed in .env.
func (e envScript) checkKeys(t *testing.T, values map[string]string) {
	t.Helper()
	for _, s := range joiners() {
		name := "keys/" + s + "/seed"
		info, err := os.Stat(filepath.Join(e.dir, name))
		if err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("mode of %s: %v, %v", name, info, err)
		}
		pair, err := nkeys.ParseDecoratedUserNKey(e.text(t, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if public, err := pair.PublicKey(); err != nil || values["NATS_"+strings.ToUpper(s)+"_NKEY"] != public {
			t.Errorf("%s: .env has another public half: %v", s, err)
		}
	}
	if values["REWEAVE_KEYS_GID"] == "" {
		t.Error(".env names no group of the keys")
	}
}

// checkCertificate wants a certificate for nats that its clients have alike, with its key,
// which none but the container may read.
func (e envScript) checkCertificate(t *testing.T) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(e.dir, "keys/nats/tls.crt"), filepath.Join(e.dir, "keys/nats/tls.key"))
	if err != nil || pair.Leaf.VerifyHostname("nats") != nil {
		t.Errorf("the certificate of NATS: %v", err)
	}
	if string(e.text(t, "keys/ca/nats.crt")) != string(e.text(t, "keys/nats/tls.crt")) {
		t.Error("clients have another certificate than NATS")
	}
	if strings.Contains(string(e.text(t, "keys/ca/nats.crt")), "PRIVATE") {
		t.Error("clients have the key of NATS")
	}
	if info, err := os.Stat(filepath.Join(e.dir, "keys/nats/tls.key")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode of the key: %v, %v", info, err)
	}
}

// env.sh fills in what the example leaves empty, for its owner's eyes, and never changes
// what is there.
func TestEnvScript(t *testing.T) {
	e := newEnvScript(t)
	values := e.run(t)
	first := string(e.text(t, ".env"))
	if info, err := os.Stat(filepath.Join(e.dir, ".env")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of .env: %v, %v", info, err)
	}
	secret := regexp.MustCompile(`^r([0-9a-f]{20}|[0-9a-f]{48})$`)
	seen := map[string]bool{}
	for _, name := range []string{"REWEAVE_S3_MUXER_SECRET_KEY", "REWEAVE_S3_ACCESS_KEY", "REWEAVE_S3_SECRET_KEY"} {
		if !secret.MatchString(values[name]) || seen[values[name]] {
			t.Errorf("%s is no secret of its own", name)
		}
		seen[values[name]] = true
	}
	e.checkKeys(t, values)
	e.checkCertificate(t)
	p, err := LoadCompose(t.Context(), values, filepath.Join(root(t), "deploy/docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	report(t, CheckCompose(p, reliefs))
	cert := string(e.text(t, "keys/nats/tls.crt"))
	if e.run(t); string(e.text(t, ".env")) != first || string(e.text(t, "keys/nats/tls.crt")) != cert {
		t.Errorf("the second run changed .env, or the certificate")
	}
	if err := os.RemoveAll(filepath.Join(e.dir, "keys/nats")); err != nil {
		t.Fatal(err)
	}
	if e.run(t); string(e.text(t, "keys/nats/tls.crt")) == cert {
		t.Error("a certificate that is gone is not made anew")
	}
	e.checkCertificate(t)
}

// A seed that is gone is made anew, and so is the public half of it, and no other; an .env
// from before there were keys gets them.
func TestEnvScriptMakesKeysAnew(t *testing.T) {
	e := newEnvScript(t)
	first := e.run(t)
	if err := os.Remove(filepath.Join(e.dir, "keys/encoder/seed")); err != nil {
		t.Fatal(err)
	}
	second := e.run(t)
	e.checkKeys(t, second)
	for name, value := range first {
		if changed := second[name] != value; changed != (name == "NATS_ENCODER_NKEY") {
			t.Errorf("%s: changed %t", name, changed)
		}
	}
	old := regexp.MustCompile(`(?m)^(NATS_.*_NKEY|REWEAVE_KEYS_GID)=.*\n`).ReplaceAllString(string(e.text(t, ".env")), "")
	if err := os.WriteFile(filepath.Join(e.dir, ".env"), []byte(old+"NATS_API_PASSWORD=r1e10\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	third := e.run(t)
	e.checkKeys(t, third)
	if third["REWEAVE_S3_SECRET_KEY"] != first["REWEAVE_S3_SECRET_KEY"] {
		t.Error("the secrets of the volumes are lost")
	}
}
