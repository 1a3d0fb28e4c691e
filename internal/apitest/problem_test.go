package apitest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/services/api"
)

func TestOpenAPIListsEveryRoute(t *testing.T) {
	f := start(t, api.Config{})
	res, body := f.do(http.MethodGet, "/openapi.json", "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Responses   map[string]struct{ Headers map[string]any }
		}
		Components struct {
			Schemas map[string]struct{ Required []string }
		}
	}
	if err := json.Unmarshal(body, &doc); err != nil || res.StatusCode != http.StatusOK || doc.OpenAPI != "3.1.0" {
		t.Fatalf("%s %v: OpenAPI %q", res.Status, err, doc.OpenAPI)
	}
	var got []string
	for path, ops := range doc.Paths {
		for method, op := range ops {
			got = append(got, strings.ToUpper(method)+" "+path)
			if op.Responses["429"].Headers["Retry-After"] == nil {
				t.Errorf("%s %s does not say that 429 has Retry-After", method, path)
			}
		}
	}
	slices.Sort(got)
	want := []string{
		"DELETE /v1/cache/pins/{sha256}", "DELETE /v1/uploads/{id}", "GET /v1/cache", "GET /v1/cache/chunks", "GET /v1/encoders", "GET /v1/jobs", "GET /v1/jobs/{id}", "GET /v1/jobs/{id}/events",
		"GET /v1/jobs/{id}/manifest", "GET /v1/jobs/{id}/output", "GET /v1/jobs/{id}/plan", "GET /v1/manifests/{sha256}", "GET /v1/manifests/{sha256}/source", "GET /v1/workers", "POST /v1/cache/gc", "POST /v1/cache/verify", "POST /v1/jobs",
		"POST /v1/jobs/{id}/cancel", "POST /v1/jobs/{id}/retry", "POST /v1/uploads", "POST /v1/uploads/{id}/complete", "PUT /v1/cache/pins/{sha256}",
	}
	if !slices.Equal(got, want) {
		t.Errorf("routes\n%v, want\n%v", got, want)
	}
	if r := doc.Components.Schemas["Spec"].Required; !slices.Equal(r, []string{"source"}) {
		t.Errorf("a Spec requires %v", r)
	}
	if !slices.Contains(slices.Collect(maps.Keys(doc.Components.Schemas)), "Answer") {
		t.Error("the document does not describe problems")
	}
	if res, body := f.do(http.MethodGet, "/openapi.yaml", ""); res.StatusCode != http.StatusOK || !strings.Contains(string(body), "/v1/jobs/{id}/cancel:") {
		t.Errorf("yaml: %s", res.Status)
	}
}

func TestProblems(t *testing.T) {
	f := start(t, api.Config{MaxBody: 2048})
	const nobody = "/v1/jobs/01KAGZ5V0V3M1QJ8W9E2R4T6Y7"
	queued := "/v1/jobs/" + f.submit("").ID
	for _, c := range []struct {
		status             int
		slug, method, path string
		body               string
		location           string
		header             []string
	}{
		{404, "no-such-route", "GET", "/v2/jobs", "", "", nil},
		{405, "method-not-allowed", "PUT", "/v1/jobs", "", "", nil},
		{404, "no-such-job", "GET", nobody, "", "", nil},
		{404, "no-such-job", "GET", "/v1/jobs/not.an*id", "", "", nil},
		{404, "no-such-job", "GET", nobody + "/events", "", "", nil},
		{404, "no-such-job", "GET", nobody + "/output", "", "", nil},
		{404, "no-such-job", "GET", nobody + "/manifest", "", "", nil},
		{404, "no-such-job", "POST", nobody + "/cancel", "", "", nil},
		{404, "no-such-job", "POST", "/v1/jobs/x/cancel", "", "", nil},
		{404, "no-such-upload", "POST", "/v1/uploads/x/complete", "", "", nil},
		{404, "no-such-upload", "DELETE", "/v1/uploads/x", "", "", nil},
		{409, "no-output", "GET", queued + "/output", "", "", nil},
		{409, "no-output", "GET", queued + "/manifest", "", "", nil},
		{409, "no-plan", "GET", queued + "/plan", "", "", nil},
		{400, "malformed-request", "POST", "/v1/jobs", "{", "", nil},
		{400, "malformed-request", "POST", "/v1/jobs", "", "", []string{"Content-Type", "application/json"}},
		{400, "malformed-request", "POST", "/v1/jobs", film + film, "", nil},
		{415, "unsupported-media-type", "POST", "/v1/jobs", film, "", []string{"Content-Type", "text/plain"}},
		{413, "body-too-large", "POST", "/v1/jobs", `{"source":"` + strings.Repeat("x", 4096) + `"}`, "", nil},
		{422, "invalid-request", "POST", "/v1/jobs", `{"source":"s3://films/b","video":{"crf":"x"}}`, "body.video.crf", nil},
		{422, "invalid-request", "POST", "/v1/jobs", `{"source":"s3://films/b","vidoe":{}}`, "body", nil},
		{422, "invalid-source", "POST", "/v1/jobs", `{}`, "body.source", nil},
		{422, "invalid-source", "POST", "/v1/jobs", `{"source":"/etc/passwd"}`, "body.source", nil},
		{422, "invalid-source", "POST", "/v1/jobs", `{"source":"http://h/a"}`, "body.source", nil},
		{422, "no-such-upload", "POST", "/v1/jobs", `{"source":"upload:01KAGZ5V0V3M1QJ8W9E2R4T6Y7"}`, "body.source", nil},
		{422, "invalid-request", "POST", "/v1/uploads", `{"name":"a","size":0}`, "body.size", nil},
		{422, "invalid-request", "GET", "/v1/jobs?limit=0", "", "query.limit", nil},
		{403, "cross-origin", "POST", queued + "/cancel", "", "", []string{"Sec-Fetch-Site", "cross-site"}},
	} {
		t.Run(fmt.Sprintf("%d %s", c.status, c.slug), func(t *testing.T) {
			p := f.refused(c.status, c.slug, c.method, c.path, c.body, c.header...)
			if c.location != "" && (len(p.Errors) == 0 || p.Errors[0].Location != c.location) {
				t.Errorf("%s %s: errors %+v, want one at %s", c.method, c.path, p.Errors, c.location)
			}
			if !strings.HasPrefix(p.Type, fault.TypeBase) || strings.Contains(p.Detail, strings.Repeat("x", 100)) {
				t.Errorf("%+v", p)
			}
		})
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	f := start(t, api.Config{})
	p := f.refused(422, "invalid-spec", http.MethodPost, "/v1/jobs", `{"source":"","container":"avi","video":{"crf":1,"qp":1}}`)
	var at []string
	for _, e := range p.Errors {
		at = append(at, e.Location)
	}
	if got := strings.Join(at, " "); got != "body.source body.container body.video.crf" {
		t.Errorf("errors at %s", got)
	}
	res, _ := f.do(http.MethodPut, "/v1/jobs", "")
	if allow := res.Header.Get("Allow"); !strings.Contains(allow, "POST") {
		t.Errorf("Allow %q", allow)
	}
}

func TestMetricsCountByRouteAndNeverByJob(t *testing.T) {
	f := start(t, api.Config{})
	id := f.submit("").ID
	f.do(http.MethodGet, "/v1/jobs/"+id, "")
	f.do(http.MethodGet, "/nowhere", "")
	families, err := f.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(families)
	for _, want := range []string{
		"reweave_api_requests_total", "reweave_api_request_duration_seconds", "reweave_api_sse_clients",
		"/v1/jobs/{id}", `"none"`, `"202"`, `"404"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(text, id) {
		t.Error("a job's id is in the metrics")
	}
}
