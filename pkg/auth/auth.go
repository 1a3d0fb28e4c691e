// Package auth tells who asks the API, and what they may do.
//
// Who wants something shows a bearer token. The server keeps a file with one line of
// JSON for each token: a name for people, the tenant it belongs to, its scopes, and the
// SHA-256 of the token, never the token. A token has 260 random bits, so its plain hash
// can't be guessed backwards and needs neither salt nor a slow function.
//
// A tenant is whose jobs and uploads they are: nobody reaches those of another tenant
// but a token with the scope admin.
package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Scope is a kind of thing that a token allows.
type Scope string

// The scopes. Submit includes Read, and Admin includes both, for every tenant.
const (
	// Read allows to look at the tenant's jobs and to fetch what they made.
	Read Scope = "read"
	// Submit allows to upload, to submit jobs and to cancel them.
	Submit Scope = "submit"
	// Admin allows everything, and to see the jobs of all tenants, the workers and the
	// metrics.
	Admin Scope = "admin"
)

// Scopes lists the scopes, the least one first.
var Scopes = []Scope{Read, Submit, Admin}

// Principal is who asks.
type Principal struct {
	// Name tells the token apart from others, for logs.
	Name string
	// Tenant is whose jobs and uploads these are; "" where nobody is asked who they are.
	Tenant string
	Scopes []Scope
}

// Anonymous is who asks a server that only its own machine reaches and that has no
// tokens: it may do everything.
var Anonymous = Principal{Name: "anonymous", Scopes: []Scope{Admin}}

// May reports whether the principal has a scope, or one that includes it.
func (p Principal) May(s Scope) bool {
	return slices.ContainsFunc(p.Scopes, func(has Scope) bool {
		return slices.Index(Scopes, has) >= slices.Index(Scopes, s)
	})
}

// Sees reports whether the principal may know of what belongs to a tenant.
func (p Principal) Sees(tenant string) bool { return p.May(Admin) || p.Tenant == tenant }

// prefix begins every token, so that scanners of secrets find one that leaked.
const prefix = "rwv_"

// Entry is one line of the file of tokens.
type Entry struct {
	Name   string  `json:"name"`
	Tenant string  `json:"tenant"`
	Scopes []Scope `json:"scopes"`
	// SHA256 is the digest of the whole token, in hex.
	SHA256 string `json:"sha256"`
}

// New makes a token and the entry by which a server knows it. The token is nowhere
// else: whoever loses it makes a new one.
func New(name, tenant string, scopes []Scope) (token string, e Entry, err error) {
	token = prefix + strings.ToLower(rand.Text()+rand.Text())
	sum := sha256.Sum256([]byte(token))
	if name == "" {
		name = tenant + "-" + strings.ToLower(rand.Text()[:6])
	}
	e = Entry{Name: name, Tenant: tenant, Scopes: scopes, SHA256: hex.EncodeToString(sum[:])}
	return token, e, e.check()
}

var (
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$`)
	tenantForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
)

// check says what is wrong with an entry.
func (e Entry) check() error {
	switch sum, err := hex.DecodeString(e.SHA256); {
	case !nameForm.MatchString(e.Name):
		return fmt.Errorf("%q is no name of a token: use up to 100 letters, digits, and . _ @ -", e.Name)
	case !tenantForm.MatchString(e.Tenant):
		return fmt.Errorf("%q is no name of a tenant: use up to 63 small letters, digits and hyphens", e.Tenant)
	case len(e.Scopes) == 0:
		return fmt.Errorf("token %s has no scopes: give read, submit or admin", e.Name)
	case err != nil || len(sum) != sha256.Size:
		return fmt.Errorf("token %s: sha256 is not the digest of a token, 64 digits of hex", e.Name)
	}
	for _, s := range e.Scopes {
		if !slices.Contains(Scopes, s) {
			return fmt.Errorf("there is no scope %q: give read, submit or admin", s)
		}
	}
	return nil
}
