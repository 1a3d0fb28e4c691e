package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/auth"
)

func TestNewToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte("# ours"), 0o600); err != nil { // no end of line
		t.Fatal(err)
	}
	code, stdout, stderr := run(t, "token", "new", "--tenant", "films", "--scope", "read", "--name", "ci", "--append", file)
	if code != exitDone || stderr != "" {
		t.Fatalf("ended with %d: %s", code, stderr)
	}
	token := strings.TrimSpace(stdout)
	f, err := auth.Open(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if who, ok := f.Find(token); !ok || who.Name != "ci" || who.Tenant != "films" || who.May(auth.Submit) {
		t.Errorf("the token %q is %+v, %t", token, who, ok)
	}
	code, stdout, _ = run(t, "token", "new", "--tenant", "films")
	if lines := strings.Split(strings.TrimSpace(stdout), "\n"); code != exitDone || len(lines) != 2 || !strings.HasPrefix(lines[0], "rwv_") || strings.Contains(lines[1], lines[0]) {
		t.Errorf("printed %q", stdout)
	}
	for args, want := range map[string]string{
		"token new":                               "there is no tenant",
		"token new --tenant Films":                "is no name of a tenant",
		"token new --tenant films --scope root":   `there is no scope "root"`,
		"ls --token-file none":                    "the file can't be read",
		"ls --token-file /dev/null":               "holds no token",
		"serve --listen 0.0.0.0:0":                "can be reached by others",
		"token new --tenant a --append no/tokens": "no such file",
	} {
		if code, _, stderr := run(t, strings.Fields(args)...); code != exitUser || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d, %q, want %q", args, code, stderr, want)
		}
	}
}

// A token comes by the environment or by a file: there is no flag, as a command line can
// be read by others.
func TestTokenIsShown(t *testing.T) {
	var shown string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = r.Header.Get("Authorization")
		_, _ = w.Write([]byte(`{"jobs":[]}`))
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("rwv_file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env, value, flag, want string
	}{
		{"REWEAVE_TOKEN", "rwv_env", "", "Bearer rwv_env"},
		{"REWEAVE_TOKEN_FILE", file, "", "Bearer rwv_file"},
		{"UNUSED", "", "--token-file=" + file, "Bearer rwv_file"},
		{"UNUSED", "", "", ""},
	} {
		t.Setenv(c.env, c.value)
		args := []string{"ls", "--server", server.URL}
		if c.flag != "" {
			args = append(args, c.flag)
		}
		if code, _, stderr := run(t, args...); code != exitDone || shown != c.want {
			t.Errorf("%s=%s %s: %d %s, shown %q, want %q", c.env, c.value, c.flag, code, stderr, shown, c.want)
		}
		if os.Getenv(c.env) != "" {
			t.Errorf("%s is left for children to inherit", c.env)
		}
	}
	if code, _, stderr := run(t, "ls", "--token", "x"); code != exitUser || !strings.Contains(stderr, "unknown flag") {
		t.Errorf("--token: %d %s", code, stderr)
	}
}
