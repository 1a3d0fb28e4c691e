package auth

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// issuer signs tokens, and serves its keys on loopback.
type issuer struct {
	t      *testing.T
	url    string
	server *httptest.Server

	mu      sync.Mutex
	keys    map[string]*rsa.PrivateKey // those that it shows
	fetched int
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{t: t, keys: map[string]*rsa.PrivateKey{}}
	i.server = httptest.NewServer(http.HandlerFunc(i.answer))
	t.Cleanup(i.server.Close)
	i.url = i.server.URL
	return i
}

func (i *issuer) answer(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/.well-known/openid-configuration" {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.url, "jwks_uri": i.url + "/keys", "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"}})
		return
	}
	i.fetched++
	var keys []map[string]string
	for id, k := range i.keys {
		keys = append(keys, map[string]string{
			"kty": "RSA", "use": "sig", "kid": id, "n": base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes()),
		})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
}

func (i *issuer) fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetched
}

// rotate makes one key, and forgets those before.
func (i *issuer) rotate(id string) *rsa.PrivateKey {
	i.t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = map[string]*rsa.PrivateKey{id: k}
	return k
}

type claims map[string]any

// claims are those of a token that counts, with changes.
func (i *issuer) claims(change claims) claims {
	c := claims{
		"iss": i.url, "aud": []string{"reweave", "other"}, "sub": "ann", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
		"tenant": "films", "scope": "openid reweave:submit admin",
	}
	for k, v := range change {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

func part(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func sign(t *testing.T, key *rsa.PrivateKey, id string, c claims) string {
	t.Helper()
	text := part(t, claims{"alg": "RS256", "kid": id, "typ": "at+jwt"}) + "." + part(t, c)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func (i *issuer) open() *OIDC {
	i.t.Helper()
	o, err := NewOIDC(Issuer{URL: i.url, Audience: "reweave", TenantClaim: "tenant", ScopeClaim: "scope", ScopePrefix: "reweave:", Leeway: 30 * time.Second})
	if err != nil {
		i.t.Fatal(err)
	}
	return o
}

func TestSignedTokens(t *testing.T) {
	i := newIssuer(t)
	key := i.rotate("k1")
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	o := i.open()
	good := sign(t, key, "k1", i.claims(nil))
	who, err := o.Find(t.Context(), good)
	if err != nil || who.Name != "oidc:ann" || who.Tenant != "films" || !who.May(Submit) || who.May(Admin) {
		t.Fatalf("a good token: %+v, %v", who, err)
	}
	if who, err := o.Find(t.Context(), sign(t, key, "k1", i.claims(claims{"scope": []string{"reweave:read"}}))); err != nil || !who.May(Read) || who.May(Submit) {
		t.Errorf("scopes as a list: %+v, %v", who, err)
	}
	if who, err := o.Find(t.Context(), sign(t, key, "k1", i.claims(claims{"scope": nil}))); err != nil || who.May(Read) {
		t.Errorf("without scopes: %+v, %v", who, err)
	}
	if _, err := o.Find(t.Context(), sign(t, key, "k1", i.claims(claims{"exp": time.Now().Add(-15 * time.Second).Unix()}))); err != nil {
		t.Errorf("within the leeway: %v", err)
	}
	parts := strings.Split(good, ".")
	mac := hmac.New(sha256.New, key.N.Bytes())
	shared := part(t, claims{"alg": "HS256", "kid": "k1"}) + "." + parts[1]
	mac.Write([]byte(shared))
	for name, token := range map[string]string{
		"nothing":             "",
		"no token":            "a.b.c",
		"expired":             sign(t, key, "k1", i.claims(claims{"exp": time.Now().Add(-time.Minute).Unix()})),
		"without an end":      sign(t, key, "k1", i.claims(claims{"exp": nil})),
		"not yet valid":       sign(t, key, "k1", i.claims(claims{"nbf": time.Now().Add(time.Hour).Unix()})),
		"another audience":    sign(t, key, "k1", i.claims(claims{"aud": "billing"})),
		"no audience":         sign(t, key, "k1", i.claims(claims{"aud": nil})),
		"another issuer":      sign(t, key, "k1", i.claims(claims{"iss": "https://evil.example"})),
		"another key":         sign(t, other, "k1", i.claims(nil)),
		"an unknown key":      sign(t, other, "k9", i.claims(nil)),
		"alg none":            part(t, claims{"alg": "none"}) + "." + parts[1] + ".",
		"alg none, signed":    part(t, claims{"alg": "none", "kid": "k1"}) + "." + parts[1] + "." + parts[2],
		"the key as a secret": shared + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)),
		"changed claims":      parts[0] + "." + part(t, i.claims(claims{"tenant": "bank"})) + "." + parts[2],
		"no tenant":           sign(t, key, "k1", i.claims(claims{"tenant": nil})),
		"a path as tenant":    sign(t, key, "k1", i.claims(claims{"tenant": "../bank"})),
		"a list of tenants":   sign(t, key, "k1", i.claims(claims{"tenant": []string{"films"}})),
		"no subject":          sign(t, key, "k1", i.claims(claims{"sub": nil})),
	} {
		who, err := o.Find(t.Context(), token)
		if err == nil || errors.Is(err, ErrIssuer) || who.Tenant != "" {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
		if err != nil && len(parts[2]) > 0 && strings.Contains(err.Error(), parts[2]) {
			t.Errorf("%s: the error tells the signature: %v", name, err)
		}
	}
}

// A key that the issuer takes up later counts at once, and those that it gave up no more
// once the keys were read again.
func TestIssuersRotateTheirKeys(t *testing.T) {
	i := newIssuer(t)
	old := i.rotate("k1")
	o := i.open()
	before := sign(t, old, "k1", i.claims(nil))
	if _, err := o.Find(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Find(t.Context(), before); err != nil || i.fetches() != 1 {
		t.Errorf("keys were fetched %d times for one key: %v", i.fetches(), err)
	}
	young := i.rotate("k2")
	if _, err := o.Find(t.Context(), sign(t, young, "k2", i.claims(nil))); err != nil {
		t.Errorf("the new key: %v", err)
	}
	o.age = 0 // the keys are old
	if _, err := o.Find(t.Context(), before); err == nil {
		t.Error("the old key still counts")
	}
}

// Whoever makes up tokens does not have the issuer asked for each of them; real ones count
// meanwhile.
func TestMadeUpTokensSpareTheIssuer(t *testing.T) {
	i := newIssuer(t)
	o := i.open()
	token := sign(t, i.rotate("k1"), "k1", i.claims(nil))
	strange, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	const tokens = 200
	for n := range tokens {
		if _, err := o.Find(t.Context(), sign(t, strange, "k"+strconv.Itoa(n), i.claims(nil))); err == nil || errors.Is(err, ErrIssuer) {
			t.Fatalf("a token that is made up: %v", err)
		}
		if _, err := o.Find(t.Context(), token); err != nil {
			t.Fatalf("a real one beside it: %v", err)
		}
	}
	if most := atOnce + int(time.Since(began)/pauseBetween) + 1; i.fetches() > most && most < tokens {
		t.Errorf("the issuer was asked %d times, want %d at most", i.fetches(), most)
	}
}

// An issuer that is down is told apart from a bad token, and counts once it is back. A
// request that ended does not keep later ones from its keys.
func TestIssuersMayBeDown(t *testing.T) {
	i := newIssuer(t)
	token := sign(t, i.rotate("k1"), "k1", i.claims(nil))
	o := i.open()
	o.pause = 0
	handler := i.server.Config.Handler
	i.server.Config.Handler = http.NotFoundHandler()
	if _, err := o.Find(t.Context(), token); !errors.Is(err, ErrIssuer) {
		t.Errorf("an issuer that is down: %v", err)
	}
	i.server.Config.Handler = handler
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := o.Find(ctx, token); err != nil {
		t.Errorf("an issuer that is back: %v", err)
	}
	cancel()
	young := i.rotate("k2")
	if _, err := o.Find(t.Context(), sign(t, young, "k2", i.claims(nil))); err != nil {
		t.Errorf("behind a request that ended: %v", err)
	}
	i.server.Close()
	if _, err := o.Find(t.Context(), sign(t, i.rotate("k3"), "k3", i.claims(nil))); !errors.Is(err, ErrIssuer) {
		t.Errorf("keys that can't be fetched: %v", err)
	}
}

func TestMistakesInAnIssuer(t *testing.T) {
	good := Issuer{URL: "https://login.example/realms/a", Audience: "reweave", TenantClaim: "t", ScopeClaim: "s"}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Issuer){
		"no scheme":   func(i *Issuer) { i.URL = "login.example" },
		"plain http":  func(i *Issuer) { i.URL = "http://login.example" },
		"a password":  func(i *Issuer) { i.URL = "https://a:b@login.example" },
		"no audience": func(i *Issuer) { i.Audience = "" },
		"no tenant":   func(i *Issuer) { i.TenantClaim = "" },
		"long leeway": func(i *Issuer) { i.Leeway = time.Hour },
	} {
		i := good
		change(&i)
		if _, err := NewOIDC(i); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
