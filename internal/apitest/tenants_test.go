package apitest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/services/api"
)

// Whatever operation takes an id says of another tenant's job and upload what it says of one
// that does not exist: the list is the OpenAPI document's, so that none is left out.
func TestEveryOperationHidesOtherTenants(t *testing.T) {
	tokens := newTokenFile(t)
	f := start(t, api.Config{Tokens: tokens.path})
	own, stranger := tokens.add("a", auth.Submit), tokens.add("b", auth.Submit)
	j, err := f.client.WithToken(own).Submit(t.Context(), job.Spec{Source: "s3://films/a.mov"}, "")
	if err != nil {
		t.Fatal(err)
	}
	upload := "01J00000000000000000000007"
	f.put("tenants/a/uploads/"+upload+"/film.mkv", []byte("film"))
	_, doc := f.do(http.MethodGet, "/openapi.json", "")
	var described struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(doc, &described); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for path, methods := range described.Paths {
		if !strings.Contains(path, "{id}") {
			continue
		}
		id := j.ID
		if strings.Contains(path, "upload") {
			id = upload
		}
		for method, op := range methods {
			seen++
			ask := func(id string) (int, string) {
				res, b := f.do(strings.ToUpper(method), strings.ReplaceAll(path, "{id}", id)+"?name=film.mkv", "", "Authorization", "Bearer "+stranger)
				return res.StatusCode, strings.ReplaceAll(string(b), id, "ID")
			}
			status, text := ask(id)
			if want, none := ask("01J00000000000000000000000"); status != want || text != none {
				t.Errorf("%s of another tenant's: %d %s, and of none: %d %s", op.OperationID, status, text, want, none)
			}
		}
	}
	if seen < 7 {
		t.Errorf("%d operations with an id", seen)
	}
	if _, err := f.Store.Stat(t.Context(), "tenants/a/uploads/"+upload+"/film.mkv"); err != nil {
		t.Errorf("the upload: %v", err)
	}
	if got, err := f.client.WithToken(own).Job(t.Context(), j.ID); err != nil || got.State != job.Queued {
		t.Errorf("the job is %s: %v", got.State, err)
	}
	f.refused(http.StatusUnprocessableEntity, "no-such-upload", http.MethodPost, "/v1/jobs", `{"source":"upload:`+upload+`"}`, "Authorization", "Bearer "+stranger)
}
