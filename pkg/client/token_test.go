package client_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/reweave/reweave/pkg/client"
)

// The store is another server on the same host, which package http would take for the
// same; the token is not for it.
func TestTokenIsShownToTheServerAlone(t *testing.T) {
	var mu sync.Mutex
	shown := map[string]string{}
	note := func(who string, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		shown[who+" "+r.Method+" "+r.URL.Path] = r.Header.Get("Authorization")
	}
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note("store", r)
		_, _ = w.Write([]byte("{}"))
	}))
	defer store.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note("server", r)
		switch {
		case r.URL.Path == "/v1/uploads":
			_ = json.NewEncoder(w).Encode(map[string]any{"source": "upload:X", "method": "single", "url": store.URL + "/put", "complete_url": "/v1/uploads/X/complete"})
		case strings.HasSuffix(r.URL.Path, "/manifest"):
			http.Redirect(w, r, store.URL+"/get", http.StatusFound)
		default:
			_, _ = w.Write([]byte("{}"))
		}
	}))
	defer server.Close()
	c := client.New(server.URL, nil).WithToken("rwv_secret")
	if _, err := c.Upload(t.Context(), "x", strings.NewReader("film"), 4, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Manifest(t.Context(), "X"); err != nil {
		t.Fatal(err)
	}
	for request, want := range map[string]string{
		"server POST /v1/uploads": "Bearer rwv_secret", "server POST /v1/uploads/X/complete": "Bearer rwv_secret",
		"server GET /v1/jobs/X/manifest": "Bearer rwv_secret", "store PUT /put": "", "store GET /get": "",
	} {
		if got, asked := shown[request]; !asked || got != want {
			t.Errorf("%s was shown %q (asked: %t), want %q", request, got, asked, want)
		}
	}
}
