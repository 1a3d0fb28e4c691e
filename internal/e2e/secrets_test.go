package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
)

// TestSecretsAreNowhere runs a server with everything that is secret, has it do and refuse
// what it can, and looks for the secrets in all that others see: logs, command lines, the
// API's answers, metrics, errors, reports, and the objects in the store.
func TestSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token := e2e.Command(t, dir, "token", "new", "--tenant", "films", "--scope", "admin", "--append", "tokens")
	if code := token.Run(); code != 0 {
		t.Fatalf("exit code %d: %s", code, &token.Stderr)
	}
	bearer := strings.TrimSpace(token.Stdout.String())
	const hook = "whsec_c2VjcmV0LW9mLXRoZS13ZWJob29rLXRoYXQtbm9ib2R5LXNlZXM="
	const source = "https://user:password-in-the-url@127.0.0.1:1/film.mov"
	const query = "?X-Amz-Expires=600&X-Amz-Signature=signature-of-the-source"

	server := e2e.Command(t, dir, "serve", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--data", "data")
	server.Env = append(server.Env, "REWEAVE_API_TOKENS="+filepath.Join(dir, "tokens"), "REWEAVE_LOG_LEVEL=debug",
		"REWEAVE_API_WEBHOOK_RETRIES=1s", "REWEAVE_API_WEBHOOK_PRIVATE=true")
	server.Begin()
	testenv.Await(t, time.Minute, "the server", func() bool {
		return !server.Running() || strings.Contains(server.Stdout.String(), "serves at")
	})
	url := strings.Fields(strings.TrimPrefix(server.Stdout.String(), "reweave serves at "))[0]
	var lines sync.Map // command lines of all processes that were seen
	stop, seen := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(seen)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			for _, line := range e2e.Processes(dir) {
				lines.Store(line, true)
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()

	var said strings.Builder
	client := func(args ...string) *e2e.Program {
		p := e2e.Command(t, dir, append(args, "--server", url)...)
		p.Env = append(p.Env, "REWEAVE_TOKEN="+bearer, "REWEAVE_WEBHOOK_SECRET="+hook)
		code := p.Run()
		said.WriteString(p.Stdout.String() + p.Stderr.String())
		if args[0] != "submit" && code != 0 {
			t.Errorf("%s: exit code %d: %s", args[0], code, &p.Stderr)
		}
		return p
	}
	film := testenv.Media(t, "in.mp4", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=2", "-c:v", "libx264", "-g", "10")
	client("encode", film, "-o", "out.mp4", "--preset", "ultrafast", "--json")
	client("submit", film, "--webhook", "http://127.0.0.1:1/hook")
	refused := ask(t, http.MethodPost, url+"/v1/jobs", bearer, `{"source":"`+source+`"}`)
	if !strings.Contains(refused, "credentials-in-url") {
		t.Errorf("a password in a URL: %s", refused)
	}
	said.WriteString(refused)
	for _, no := range []string{"gopher://127.0.0.1:1/a" + query, "https://127.0.0.1:port/a" + query, "http://127.0.0.1:1/a" + query} {
		refused := ask(t, http.MethodPost, url+"/v1/jobs", bearer, `{"source":"`+no+`"}`)
		if !strings.Contains(refused, "invalid-source") {
			t.Errorf("%s: %s", no, refused)
		}
		said.WriteString(refused)
	}
	// Not by the command line, which is in the list of processes: what is typed is told.
	presigned := ask(t, http.MethodPost, url+"/v1/jobs", bearer, `{"source":"https://127.0.0.1:1/film.mov`+query+`"}`)
	said.WriteString(presigned)
	var made job.Job
	if err := json.Unmarshal([]byte(presigned), &made); err != nil {
		t.Fatal(err)
	}
	testenv.Await(t, time.Minute, "the failure of a source that can't be fetched", func() bool {
		told := get(t, url+"/v1/jobs/"+made.ID, bearer)
		said.WriteString(told)
		return strings.Contains(told, `"state":"failed"`)
	})
	said.WriteString(get(t, url+"/v1/jobs/"+made.ID+"/events", bearer))
	for _, args := range [][]string{{"show", made.ID}, {"show", made.ID, "--json"}, {"ls"}, {"ls", "--json"}, {"retry", made.ID}} {
		client(args...)
	}
	testenv.Await(t, time.Minute, "the end of all jobs", func() bool {
		jobs := get(t, url+"/v1/jobs", bearer)
		said.WriteString(jobs)
		var page struct{ Jobs []struct{ State string } }
		if err := json.Unmarshal([]byte(jobs), &page); err != nil {
			t.Fatal(err)
		}
		for _, j := range page.Jobs {
			if j.State != "done" && j.State != "failed" {
				return false
			}
		}
		return len(page.Jobs) == 4
	})
	for _, path := range []string{"/metrics", "/v1/workers", "/v1/encoders", "/openapi.yaml", "/readyz"} {
		said.WriteString(get(t, url+path, bearer))
	}
	close(stop)
	<-seen
	server.Kill(syscall.SIGTERM)
	if code := server.Exit(); code != 0 {
		t.Errorf("the server's exit code is %d: %s", code, &server.Stderr)
	}
	said.WriteString(server.Stdout.String() + server.Stderr.String())
	n := 0
	lines.Range(func(line, _ any) bool { said.WriteString(line.(string)); n++; return true })
	if n < 3 {
		t.Errorf("%d processes were seen", n)
	}
	stored(t, filepath.Join(dir, "data", "objects"), &said)

	all := said.String()
	for what, secret := range secretsOf(t, dir, bearer, hook) {
		if i := strings.Index(all, secret); i >= 0 {
			t.Errorf("%s is told: …%s…", what, all[max(0, i-200):i])
		}
	}
	if !strings.Contains(all, "127.0.0.1:1/film.mov") { // else nothing was looked at
		t.Error("the source that is refused is not told of at all")
	}
}

// secretsOf are the secrets by what they are.
func secretsOf(t *testing.T, dir, bearer, hook string) map[string]string {
	t.Helper()
	var creds map[string]string
	b, err := os.ReadFile(filepath.Join(dir, "data", "credentials.json"))
	if err == nil {
		err = json.Unmarshal(b, &creds)
	}
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{"the token": bearer, "the webhook's secret": hook, "the password in the URL": "password-in-the-url"}
	secrets["the signature in a presigned URL"] = "signature-of-the-source"
	for name, v := range creds {
		if strings.Contains(strings.ToLower(name), "secret") {
			secrets["the "+name+" of the embedded servers"] = v
		}
	}
	if len(secrets) < 4 {
		t.Fatalf("the credentials have no secret: %d entries", len(creds))
	}
	seed, err := os.ReadFile(filepath.Join(dir, "data", "nats.seed"))
	if err != nil || len(seed) < 58 {
		t.Fatalf("NATS has no seed: %v", err)
	}
	secrets["the seed of the key for NATS"] = strings.TrimSpace(string(seed))
	return secrets
}

func get(t *testing.T, url, bearer string) string {
	t.Helper()
	return ask(t, http.MethodGet, url, bearer, "")
}

// ask asks the API, and returns what it says, whatever that is.
func ask(t *testing.T, method, url, bearer, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+bearer)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// stored adds all small objects and files below dir.
func stored(t *testing.T, dir string, to *strings.Builder) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		b, err := os.ReadFile(path)
		to.Write(bytes.ToValidUTF8(b, nil))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
