package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/reweave/reweave/pkg/queue/natsq"
)

func TestNewKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "west.seed")
	code, stdout, stderr := run(t, "keys", "new", file)
	if code != exitDone || stderr != "" {
		t.Fatalf("ended with %d: %s", code, stderr)
	}
	public := strings.TrimSpace(stdout)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the seed's mode: %v, %v", info, err)
	}
	cfg := natsq.Config{NKey: file, Inbox: "_INBOX_west", Replicas: 1, AckWait: 1e9}
	if err := cfg.Validate(); err != nil || !nkeys.IsValidPublicUserKey(public) {
		t.Errorf("printed %q, and the seed is not good: %v", public, err)
	}
	if code, stdout, _ = run(t, "keys", "show", file); code != exitDone || strings.TrimSpace(stdout) != public {
		t.Errorf("show: %d, %q, not %q", code, stdout, public)
	}
	line := regexp.MustCompile(`^\{nkey: ` + public + `, .*publish: \$ENCODER_PUBLISH, .*"_INBOX_west\.>"`)
	if code, stdout, _ = run(t, "keys", "show", file, "--worker", "west"); code != exitDone || !line.MatchString(stdout) {
		t.Errorf("show --worker: %d, %q", code, stdout)
	}

	before, _ := os.ReadFile(file)
	if code, _, stderr = run(t, "keys", "new", file); code != exitUser || !strings.Contains(stderr, "exists already (choose another name, or add --replace") {
		t.Errorf("over another key: %d, %s", code, stderr)
	}
	if same, _ := os.ReadFile(file); string(same) != string(before) {
		t.Error("the old seed is gone")
	}
	if code, stdout, _ = run(t, "keys", "new", "--replace", file); code != exitDone || strings.TrimSpace(stdout) == public {
		t.Errorf("--replace: %d, %q", code, stdout)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*.new")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}

	code, stdout, _ = run(t, "keys", "new")
	halves := strings.Fields(stdout)
	if code != exitDone || len(halves) != 2 || !strings.HasPrefix(halves[0], "SU") {
		t.Fatalf("without a file: %d", code)
	}
	pair, err := nkeys.FromSeed([]byte(halves[0]))
	if err != nil {
		t.Fatal(err)
	}
	if other, err := pair.PublicKey(); err != nil || other != halves[1] {
		t.Errorf("the two halves don't belong together: %s, %v", halves[1], err)
	}
}

func TestKeysThatCanNotBe(t *testing.T) {
	for args, want := range map[string]string{
		"keys new no/such/seed":         "no/such/seed: can't be written: no such file or directory",
		"keys new --worker ../west a":   `"../west" is no name of a worker`,
		"keys show":                     "there is no FILE",
		"keys show none":                "none: the file can't be read: no such file",
		"keys show /dev/null":           "/dev/null: the file holds no seed of a user",
		"keys new --worker a/b no/seed": "is no name of a worker",
	} {
		if code, _, stderr := run(t, strings.Fields(args)...); code != exitUser || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d, %q, want %q", args, code, stderr, want)
		}
	}
}
