package apitest

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/services/api"
)

// A token that an issuer signed opens what its claims say, beside the tokens of the file,
// and tenants of the two are the same tenants.
func TestSignedTokensBesideThoseOfTheFile(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	var issuer *httptest.Server
	issuer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		doc := map[string]any{"issuer": issuer.URL, "jwks_uri": issuer.URL + "/keys"}
		if r.URL.Path == "/keys" {
			doc = map[string]any{"keys": []map[string]string{{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": encode(public)}}}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(doc)
	}))
	defer issuer.Close()
	signed := func(tenant, scope string) string {
		claims, err := json.Marshal(map[string]any{
			"iss": issuer.URL, "aud": "reweave", "sub": "ann", "org": tenant, "scope": scope, "exp": time.Now().Add(time.Hour).Unix(),
		})
		if err != nil {
			t.Fatal(err)
		}
		text := encode([]byte(`{"alg":"EdDSA","kid":"k"}`)) + "." + encode(claims)
		return text + "." + encode(ed25519.Sign(key, []byte(text)))
	}
	tokens := newTokenFile(t)
	f := start(t, api.Config{
		Tokens: tokens.path, OIDCIssuer: issuer.URL, OIDCAud: "reweave", OIDCTenant: "org", OIDCScope: "scope", OIDCPrefix: "reweave:",
	})
	ann := f.client.WithToken(signed("films", "reweave:submit"))
	j, err := ann.Submit(t.Context(), job.Spec{Source: "s3://films/a.mov"}, "")
	if err != nil || j.Tenant != "films" {
		t.Fatalf("%+v, %v", j, err)
	}
	if _, err := f.client.WithToken(tokens.add("films", auth.Read)).Job(t.Context(), j.ID); err != nil {
		t.Errorf("the same tenant with a token of the file: %v", err)
	}
	at := "/v1/jobs/" + j.ID
	f.refused(http.StatusNotFound, "no-such-job", http.MethodGet, at, "", "Authorization", "Bearer "+signed("bank", "reweave:submit"))
	f.refused(http.StatusForbidden, "forbidden", http.MethodPost, at+"/cancel", "", "Authorization", "Bearer "+signed("films", "reweave:read"))
	f.refused(http.StatusForbidden, "forbidden", http.MethodGet, at, "", "Authorization", "Bearer "+signed("films", "submit"))
	f.refused(http.StatusForbidden, "forbidden", http.MethodGet, "/v1/workers", "", "Authorization", "Bearer "+signed("films", "reweave:submit"))
	f.refused(http.StatusUnauthorized, "unauthenticated", http.MethodGet, at, "", "Authorization", "Bearer "+signed("films", "reweave:read")+"x")
}
