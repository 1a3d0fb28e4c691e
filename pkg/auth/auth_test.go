package auth

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/quota"
)

func entry(t *testing.T, name, tenant string, scopes ...Scope) (token, line string) {
	t.Helper()
	token, e, err := New(name, tenant, scopes)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return token, string(b)
}

// replace puts a file in the place of another, as whoever edits with care does.
func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestScopesIncludeEachOther(t *testing.T) {
	for _, c := range []struct {
		has  []Scope
		want map[Scope]bool
	}{
		{nil, map[Scope]bool{Read: false, Submit: false, Admin: false}},
		{[]Scope{Read}, map[Scope]bool{Read: true, Submit: false, Admin: false}},
		{[]Scope{Submit}, map[Scope]bool{Read: true, Submit: true, Admin: false}},
		{[]Scope{Admin}, map[Scope]bool{Read: true, Submit: true, Admin: true}},
		{[]Scope{"root"}, map[Scope]bool{Read: false, Submit: false, Admin: false}},
	} {
		p := Principal{Tenant: "a", Scopes: c.has}
		for s, want := range c.want {
			if p.May(s) != want {
				t.Errorf("%v may %s: %t", c.has, s, !want)
			}
		}
		if !p.Sees("a") || p.Sees("b") != c.want[Admin] || p.Sees("") != c.want[Admin] {
			t.Errorf("%v sees the wrong tenants", c.has)
		}
	}
}

func TestTokensAreFoundByTheirDigest(t *testing.T) {
	a, lineA := entry(t, "ci", "acme", Submit)
	b, lineB := entry(t, "boss", "acme", Admin)
	for _, token := range []string{a, b} {
		if strings.Contains(lineA+lineB, token) || len(token) < 52 {
			t.Fatalf("the token %q is in the file, or short", token)
		}
	}
	path := filepath.Join(t.TempDir(), "tokens")
	replace(t, path, "# who may ask\n\n"+lineA+"\n"+lineB+"\n")
	f, err := Open(path, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	if who, ok := f.Find(a); !ok || who.Name != "ci" || who.Tenant != "acme" || who.May(Admin) {
		t.Errorf("found %+v, %t", who, ok)
	}
	for _, wrong := range []string{"", a[:len(a)-1], a + "a", strings.ToUpper(a)} {
		if who, ok := f.Find(wrong); ok {
			t.Errorf("%q is %+v", wrong, who)
		}
	}
}

func TestTokensAreReadAgain(t *testing.T) {
	old, oldLine := entry(t, "old", "acme", Read)
	young, youngLine := entry(t, "young", "acme", Read)
	path := filepath.Join(t.TempDir(), "tokens")
	replace(t, path, oldLine)
	var failures []error
	f, err := Open(path, func(err error) { failures = append(failures, err) })
	if err != nil {
		t.Fatal(err)
	}
	has := func(token string) bool { _, ok := f.Find(token); return ok }
	replace(t, path, youngLine)
	if has(old) || !has(young) {
		t.Error("the new file does not count")
	}
	for _, broken := range []func(){
		func() { replace(t, path, "{") },
		func() {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		failures = nil
		broken()
		if before := has(young); !before || !has(young) || len(failures) != 1 {
			t.Errorf("with a broken file: %v, want one error and the tokens before", failures)
		}
	}
	replace(t, path, oldLine)
	if !has(old) || has(young) {
		t.Error("the file that is back does not count")
	}
}

func TestLimitsOfTenants(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	replace(t, path, `{"tenant":"acme","limits":{"jobs":7,"slots":0}}`)
	f, err := Open(path, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	defaults := quota.Limits{Jobs: 1, Bytes: 2, Slots: 3}
	for tenant, want := range map[string]quota.Limits{"acme": {Jobs: 7, Bytes: 2, Slots: 0}, "other": defaults} {
		if got := f.Limits(tenant, defaults); got != want {
			t.Errorf("%s: %+v, want %+v", tenant, got, want)
		}
	}
	replace(t, path, `{"tenant":"acme","limits":{"bytes":9}}`)
	if got := f.Limits("acme", defaults); got != (quota.Limits{Jobs: 1, Bytes: 9, Slots: 3}) {
		t.Errorf("after a change: %+v", got)
	}
}

func TestMistakesInTokens(t *testing.T) {
	_, good := entry(t, "ci", "acme", Submit)
	for text, want := range map[string]string{
		"x":                        "line 1: want one object such as",
		good + "\n" + good + " {}": "line 2: want one object such as",
		strings.Replace(good, "acme", "Acme Inc", 1):                             `"Acme Inc" is no name of a tenant`,
		strings.Replace(good, `"ci"`, `"a b"`, 1):                                `"a b" is no name of a token`,
		strings.Replace(good, `["submit"]`, `[]`, 1):                             "token ci has no scopes",
		strings.Replace(good, `"submit"`, `"root"`, 1):                           `there is no scope "root"`,
		strings.Replace(good, `"sha256":"`, `"sha256":"00`, 1):                   "sha256 is not the digest",
		strings.Replace(good, `"scopes"`, `"token":"x","scopes"`, 1):             "want one object such as",
		`{"name":"ci","tenant":"acme","scopes":["read"],"sha256":"zz"}`:          "sha256 is not the digest",
		`{"tenant":"Acme","limits":{}}`:                                          `"Acme" is no name of a tenant`,
		`{"tenant":"acme","limits":{"job":1}}`:                                   "want an object such as",
		`{"tenant":"acme","limits":{"jobs":-1}}`:                                 "none may be negative",
		`{"tenant":"acme","limits":{}}` + "\n" + `{"tenant":"acme","limits":{}}`: "tenant acme stand there twice",
	} {
		path := filepath.Join(t.TempDir(), "tokens")
		replace(t, path, text)
		if _, err := Open(path, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), nil); err == nil {
		t.Error("a file that is not there was read")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"name":"ci","tenant":"acme","scopes":["read"],"sha256":"zz"}`)
	f.Fuzz(func(t *testing.T, line string) {
		if k, err := parse(line); err == nil && (k.who.Tenant == "" || len(k.who.Scopes) == 0) {
			t.Errorf("%q is %+v", line, k)
		}
	})
}
