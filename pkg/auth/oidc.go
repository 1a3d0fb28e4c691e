package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Issuer says whose signed tokens (OpenID Connect, RFC 9068) count, and how they are read.
type Issuer struct {
	// URL is the issuer's, as it stands in the claim iss. Below it lies
	// /.well-known/openid-configuration.
	URL string
	// Audience is what the claim aud must hold.
	Audience string
	// TenantClaim names the claim that holds the tenant.
	TenantClaim string
	// ScopeClaim names the claim that holds the scopes: a string with spaces between them,
	// or a list. What does not begin with ScopePrefix is passed over.
	ScopeClaim, ScopePrefix string
	// Leeway is how long after its end a token still counts, for clocks that differ.
	Leeway time.Duration
}

// issuerWait bounds a request to the issuer.
const issuerWait = 10 * time.Second

// algorithms are those that a token may be signed with: all have a key that only the
// issuer knows. "none", and secrets that are shared with others, are not among them.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512,
	oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

// Validate says what is wrong with the settings.
func (i Issuer) Validate() error {
	u, err := url.Parse(i.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("the issuer is not a URL such as https://login.example")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return errors.New("the issuer's URL must begin with https://")
	case i.Audience == "":
		return errors.New("there is no audience: tokens for other services would count here")
	case i.TenantClaim == "" || i.ScopeClaim == "":
		return errors.New("the claims for tenant and scopes have no names")
	case i.Leeway < 0 || i.Leeway > 5*time.Minute:
		return errors.New("the leeway is not between 0 and 5 minutes")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// OIDC tells who shows a token that an issuer signed. Its keys are fetched when they are
// needed, again for a token that a new one signed, and now and then, so that one that the
// issuer gave up ends to count. It is safe for concurrent use.
type OIDC struct {
	issuer Issuer
	client *http.Client
	// age is how long keys count without being read again, and pause how long an issuer
	// that failed is left alone.
	age, pause time.Duration

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
	asked    time.Time
	failed   error
}

// NewOIDC returns an OIDC that has not spoken to the issuer yet.
func NewOIDC(i Issuer) (*OIDC, error) {
	if err := i.Validate(); err != nil {
		return nil, err
	}
	return &OIDC{issuer: i, age: 10 * time.Minute, pause: 5 * time.Second, client: &http.Client{Timeout: issuerWait, Transport: newSparing(http.DefaultTransport), CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("the issuer redirects, which it must not")
	}}}, nil
}

// ErrIssuer says that the issuer could not be asked. That is no verdict on the token.
var ErrIssuer = errors.New("the issuer of tokens does not answer")

// Find returns who shows a token. An error that is not [ErrIssuer] says why the token does
// not count; it tells nothing of the token that is secret.
func (o *OIDC) Find(ctx context.Context, token string) (Principal, error) {
	v, err := o.provider(ctx)
	if err != nil {
		return Principal{}, err
	}
	t, err := v.Verify(oidc.ClientContext(ctx, o.client), token)
	if err != nil {
		if strings.Contains(err.Error(), "fetching keys") {
			return Principal{}, fmt.Errorf("%w: %w", ErrIssuer, err)
		}
		return Principal{}, fmt.Errorf("check token: %w", err)
	}
	var claims map[string]json.RawMessage
	if err := t.Claims(&claims); err != nil {
		return Principal{}, fmt.Errorf("read the token's claims: %w", err)
	}
	return o.principal(t.Subject, claims)
}

// provider asks the issuer for the place of its keys, once it answers.
func (o *OIDC) provider(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rest := o.age
	if o.failed != nil {
		rest = o.pause
	}
	if !o.asked.IsZero() && time.Since(o.asked) < rest {
		return o.verdict()
	}
	// The keys are fetched with this context for as long as the process lives.
	p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), o.client), o.issuer.URL)
	o.asked, o.failed = time.Now(), err
	if err != nil {
		return o.verdict()
	}
	o.verifier = p.Verifier(&oidc.Config{
		ClientID: o.issuer.Audience, SupportedSigningAlgs: algorithms,
		Now: func() time.Time { return time.Now().Add(-o.issuer.Leeway) },
	})
	return o.verdict()
}

// verdict is what the issuer said last: while it is down, the keys before go on counting.
func (o *OIDC) verdict() (*oidc.IDTokenVerifier, error) {
	if o.verifier == nil {
		return nil, fmt.Errorf("%w: %w", ErrIssuer, o.failed)
	}
	return o.verifier, nil
}

// principal reads who the token is for out of its claims.
func (o *OIDC) principal(subject string, claims map[string]json.RawMessage) (Principal, error) {
	var tenant string
	if json.Unmarshal(claims[o.issuer.TenantClaim], &tenant) != nil || !tenantForm.MatchString(tenant) {
		return Principal{}, fmt.Errorf("the token's claim %q is no name of a tenant", o.issuer.TenantClaim)
	}
	if subject == "" {
		return Principal{}, errors.New("the token has no subject")
	}
	who := Principal{Name: "oidc:" + subject, Tenant: tenant}
	for _, s := range words(claims[o.issuer.ScopeClaim]) {
		if name, ok := strings.CutPrefix(s, o.issuer.ScopePrefix); ok && slices.Contains(Scopes, Scope(name)) {
			who.Scopes = append(who.Scopes, Scope(name))
		}
	}
	return who, nil
}

// words reads a claim that is a list of strings, or one with spaces between them (RFC 8693,
// section 4.2).
func words(claim json.RawMessage) []string {
	var list []string
	if json.Unmarshal(claim, &list) == nil {
		return list
	}
	var text string
	_ = json.Unmarshal(claim, &text) // any other claim has no words
	return strings.Fields(text)
}
