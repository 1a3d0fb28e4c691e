package apitest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/services/api"
)

// tokenFile is a file of tokens that a test adds to.
type tokenFile struct {
	t    *testing.T
	path string
}

func newTokenFile(t *testing.T) *tokenFile {
	t.Helper()
	f := &tokenFile{t, filepath.Join(t.TempDir(), "tokens")}
	f.write("")
	return f
}

func (f *tokenFile) write(text string) {
	f.t.Helper()
	if err := os.WriteFile(f.path+".new", []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		f.t.Fatal(err)
	}
}

func (f *tokenFile) add(tenant string, scope auth.Scope) (token string) {
	f.t.Helper()
	token, e, err := auth.New("", tenant, []auth.Scope{scope})
	if err != nil {
		f.t.Fatal(err)
	}
	line, err := json.Marshal(e)
	if err != nil {
		f.t.Fatal(err)
	}
	f.line(string(line))
	return token
}

// line adds a line to the file.
func (f *tokenFile) line(text string) {
	f.t.Helper()
	old, err := os.ReadFile(f.path)
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(string(old) + text + "\n")
}

// Every operation of the API is refused to those without a token, and to those whose
// token lacks its scope: the list is the OpenAPI document's, so that none is left out.
func TestEveryOperationAsksForItsScope(t *testing.T) {
	tokens := newTokenFile(t)
	f := start(t, api.Config{Tokens: tokens.path})
	have := map[auth.Scope]string{}
	for _, s := range auth.Scopes {
		have[s] = tokens.add("acme", s)
	}
	res, doc := f.do(http.MethodGet, "/openapi.json", "")
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the description of the API: %s", res.Status)
	}
	var api struct {
		Paths map[string]map[string]struct {
			OperationID string                `json:"operationId"`
			Security    []map[string][]string `json:"security"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(doc, &api); err != nil {
		t.Fatal(err)
	}
	want := map[string]auth.Scope{
		"create-upload": auth.Submit, "complete-upload": auth.Submit, "delete-upload": auth.Submit,
		"submit-job": auth.Submit, "cancel-job": auth.Submit, "retry-job": auth.Submit, "list-jobs": auth.Read, "get-job": auth.Read,
		"follow-job": auth.Read, "get-output": auth.Read, "get-manifest": auth.Read, "get-plan": auth.Read, "find-manifest": auth.Read, "find-source": auth.Read,
		"list-encoders": auth.Read, "list-workers": auth.Admin,
		"cache-stats": auth.Admin, "list-chunks": auth.Admin, "evict-chunks": auth.Admin, "verify-chunks": auth.Admin,
		"pin-deliverable": auth.Admin, "unpin-deliverable": auth.Admin,
	}
	seen := 0
	for path, methods := range api.Paths {
		for method, op := range methods {
			seen++
			scope, listed := want[op.OperationID]
			if !listed || len(op.Security) != 1 || op.Security[0]["token"][0] != string(scope) {
				t.Errorf("%s asks for %v, want %q", op.OperationID, op.Security, scope)
				continue
			}
			verb, at := strings.ToUpper(method), strings.ReplaceAll(path, "{id}", "01J00000000000000000000000")
			f.refused(http.StatusUnauthorized, "unauthenticated", verb, at, "")
			f.refused(http.StatusUnauthorized, "unauthenticated", verb, at, "", "Authorization", "Bearer "+have[scope]+"x")
			f.refused(http.StatusUnauthorized, "unauthenticated", verb, at, "", "Authorization", "Basic "+have[scope])
			for _, s := range auth.Scopes {
				if (auth.Principal{Scopes: []auth.Scope{s}}).May(scope) {
					if got, _ := f.do(verb, at, "", "Authorization", "Bearer "+have[s]); got.StatusCode == http.StatusUnauthorized || got.StatusCode == http.StatusForbidden {
						t.Errorf("%s with the scope %s: %s", op.OperationID, s, got.Status)
					}
					continue
				}
				f.refused(http.StatusForbidden, "forbidden", verb, at, "", "Authorization", "Bearer "+have[s])
			}
		}
	}
	if seen != len(want) {
		t.Errorf("%d operations are described, want %d", seen, len(want))
	}
	res, _ = f.do(http.MethodGet, "/v1/jobs", "")
	if got := res.Header.Get("WWW-Authenticate"); got != `Bearer realm="reweave"` {
		t.Errorf("WWW-Authenticate: %q (RFC 6750, section 3)", got)
	}
}

func TestTenantsDoNotSeeEachOther(t *testing.T) {
	tokens := newTokenFile(t)
	f := start(t, api.Config{Tokens: tokens.path})
	a := f.client.WithToken(tokens.add("a", auth.Submit))
	bToken := tokens.add("b", auth.Submit)
	b := f.client.WithToken(bToken)
	boss := f.client.WithToken(tokens.add("ops", auth.Admin))

	j, err := a.Submit(t.Context(), job.Spec{Source: "s3://films/a.mov"}, "key")
	if err != nil || j.Tenant != "a" {
		t.Fatalf("%+v, %v", j, err)
	}
	other, err := b.Submit(t.Context(), job.Spec{Source: "s3://films/a.mov"}, "key")
	if err != nil || other.ID == j.ID {
		t.Fatalf("two tenants with one idempotency key have one job: %v", err)
	}
	for _, c := range []struct{ method, path string }{
		{http.MethodGet, ""}, {http.MethodPost, "/cancel"}, {http.MethodGet, "/output"}, {http.MethodGet, "/manifest"}, {http.MethodGet, "/plan"}, {http.MethodGet, "/events"},
	} {
		p := f.refused(http.StatusNotFound, "no-such-job", c.method, "/v1/jobs/"+j.ID+c.path, "", "Authorization", "Bearer "+bToken)
		none := f.refused(http.StatusNotFound, "no-such-job", c.method, "/v1/jobs/01J00000000000000000000000"+c.path, "", "Authorization", "Bearer "+bToken)
		if strings.ReplaceAll(p.Detail, j.ID, "") != strings.ReplaceAll(none.Detail, "01J00000000000000000000000", "") {
			t.Errorf("%s %s tells that the job exists: %q, not %q", c.method, c.path, p.Detail, none.Detail)
		}
	}
	if now, err := boss.Job(t.Context(), j.ID); err != nil || now.State != job.Queued {
		t.Errorf("the job of a: %s, %v", now.State, err)
	}
	for who, want := range map[*client.Client]int{a: 1, b: 1, boss: 2} {
		if jobs, err := who.Jobs(t.Context(), "", 0); err != nil || len(jobs) != want {
			t.Errorf("%d jobs in a list, want %d: %v", len(jobs), want, err)
		}
	}
}

func TestTenantsDoNotReachUploadsOfEachOther(t *testing.T) {
	tokens := newTokenFile(t)
	f := start(t, api.Config{Tokens: tokens.path})
	aToken, bToken := tokens.add("a", auth.Submit), tokens.add("b", auth.Submit)
	source, err := f.client.WithToken(aToken).Upload(t.Context(), "film.mkv", bytes.NewReader([]byte("film")), 4, nil)
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimPrefix(source, "upload:")
	spec := `{"source":"` + source + `"}`
	f.refused(http.StatusUnprocessableEntity, "no-such-upload", http.MethodPost, "/v1/jobs", spec, "Authorization", "Bearer "+bToken)
	if res, _ := f.do(http.MethodDelete, "/v1/uploads/"+id+"?name=film.mkv&size=4", "", "Authorization", "Bearer "+bToken); res.StatusCode != http.StatusNoContent {
		t.Errorf("to drop nothing: %s", res.Status)
	}
	if res, body := f.do(http.MethodPost, "/v1/jobs", spec, "Authorization", "Bearer "+aToken); res.StatusCode != http.StatusAccepted {
		t.Errorf("the upload's own tenant: %s %s", res.Status, body)
	}
}

func TestRevokedTokensEndAtOnce(t *testing.T) {
	tokens := newTokenFile(t)
	f := start(t, api.Config{Tokens: tokens.path})
	token := tokens.add("a", auth.Read)
	if res, _ := f.do(http.MethodGet, "/v1/jobs", "", "Authorization", "Bearer "+token); res.StatusCode != http.StatusOK {
		t.Fatalf("with a token: %s", res.Status)
	}
	tokens.write("")
	f.refused(http.StatusUnauthorized, "unauthenticated", http.MethodGet, "/v1/jobs", "", "Authorization", "Bearer "+token)
}

func TestLocalFilesAreForAdmins(t *testing.T) {
	tokens := newTokenFile(t)
	f := start(t, api.Config{Tokens: tokens.path, LocalPaths: true})
	submit, admin := tokens.add("a", auth.Submit), tokens.add("a", auth.Admin)
	path := filepath.Join(t.TempDir(), "a.mkv")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	body := `{"source":"` + path + `"}`
	f.refused(http.StatusUnprocessableEntity, "invalid-source", http.MethodPost, "/v1/jobs", body, "Authorization", "Bearer "+submit)
	if res, b := f.do(http.MethodPost, "/v1/jobs", body, "Authorization", "Bearer "+admin); res.StatusCode != http.StatusAccepted {
		t.Errorf("an admin: %s %s", res.Status, b)
	}
}

func TestRateLimit(t *testing.T) {
	tokens := newTokenFile(t)
	f := start(t, api.Config{Tokens: tokens.path, Rate: 0.001, Burst: 2})
	a, b := tokens.add("a", auth.Read), tokens.add("b", auth.Read)
	for range 2 {
		f.do(http.MethodGet, "/v1/jobs", "", "Authorization", "Bearer "+a)
	}
	f.refused(http.StatusTooManyRequests, "too-many-requests", http.MethodGet, "/v1/jobs", "", "Authorization", "Bearer "+a)
	res, _ := f.do(http.MethodGet, "/v1/jobs", "", "Authorization", "Bearer "+a)
	if after := res.Header.Get("Retry-After"); after != "1000" { // one request in a thousand seconds
		t.Errorf("Retry-After %q", after)
	}
	res, _ = f.do(http.MethodGet, "/v1/jobs", "", "Authorization", "Bearer "+b)
	if res.StatusCode != http.StatusOK {
		t.Errorf("another client: %s", res.Status)
	}
	// Those who guess tokens are counted by their address.
	for range 2 {
		f.refused(http.StatusUnauthorized, "unauthenticated", http.MethodGet, "/v1/jobs", "", "Authorization", "Bearer guess")
	}
	f.refused(http.StatusTooManyRequests, "too-many-requests", http.MethodGet, "/v1/jobs", "", "Authorization", "Bearer another")
}

func TestForeignHostNamesAndOrigins(t *testing.T) {
	f := start(t, api.Config{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/v1/jobs", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "rebound.example:8080"
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a name that was made to mean this machine: %s", res.Status)
	}
	f.refused(http.StatusForbidden, "cross-origin", http.MethodPost, "/v1/jobs", film, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	res, _ = f.do(http.MethodGet, "/v1/jobs", "", "Origin", "https://evil.example")
	for name := range res.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("%s is allowed to a page of another site", name)
		}
	}
}

func TestAddressesThatOthersReachNeedTokens(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	err = api.Run(t.Context(), api.Config{Listener: ln}, testenv.Start(t).Boot("api"))
	if e, ok := errors.AsType[*fault.Error](err); !ok || e.Type != "insecure-address" || e.Class != fault.User {
		t.Errorf("got %v", err)
	}
	for addr, exposed := range map[string]bool{"127.0.0.1:1": false, "[::1]:1": false, "0.0.0.0:1": true, "[::]:1": true, "192.0.2.1:1": true} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := api.Exposed(api.Config{}, tcp); (got != nil) != exposed {
			t.Errorf("%s: %v", addr, got)
		}
		if got := api.Exposed(api.Config{Tokens: "x"}, tcp); got != nil {
			t.Errorf("%s with tokens: %v", addr, got)
		}
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca := testenv.NewCA(t)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	ca.Issue(t, cert, key, "first.example")
	r := run(t.Context(), t, api.Config{TLSCert: cert, TLSKey: key})
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	shown := func(cfg *tls.Config) (string, error) {
		cfg.RootCAs = pool
		c, err := (&tls.Dialer{Config: cfg}).DialContext(t.Context(), "tcp", r.addr)
		if err != nil {
			return "", err
		}
		defer func() { _ = c.Close() }()
		state := c.(*tls.Conn).ConnectionState() //nolint:forcetypeassert // documented type
		return state.PeerCertificates[0].Subject.CommonName, nil
	}
	if name, err := shown(&tls.Config{}); err != nil || name != "first.example" {
		t.Errorf("shown %q, %v", name, err)
	}
	if _, err := shown(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	ca.Issue(t, cert, key, "second.example")
	if name, err := shown(&tls.Config{}); err != nil || name != "second.example" {
		t.Errorf("after a change, shown %q, %v", name, err)
	}
	hc := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	c := client.New("https://"+r.addr, hc)
	j, err := c.Submit(t.Context(), job.Spec{Source: "s3://films/a.mov"}, "")
	if err != nil {
		t.Fatal(err)
	}
	cancelled, err := c.Cancel(t.Context(), j.ID)
	if err != nil {
		t.Fatal(err)
	}
	if end, err := c.Watch(t.Context(), j.ID, nil, nil); err != nil || end.State != cancelled.State {
		t.Errorf("watched to %s, %v", end.State, err)
	}
	close(r.drain)
	r.over(t)
}
