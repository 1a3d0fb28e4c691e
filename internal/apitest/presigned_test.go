package apitest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/services/api"
)

// A presigned URL is kept for who fetches it, and told to nobody.
func TestPresignedSourcesAreNotTold(t *testing.T) {
	f := start(t, api.Config{})
	const query = "X-Amz-Signature=hunter2"
	const source = "https://films.example/a.mov?" + query
	body := `{"source":"` + source + `","name":"` + source + `","audio":"none",
		"edits":[{"from":0,"to":5,"source":"` + source + `"}],"webhook":{"url":"https://hooks.example/?key=hunter2"}}`
	told := map[string]string{}
	submit := func(key string) (j job.Job) {
		t.Helper()
		res, answer := f.do(http.MethodPost, "/v1/jobs", body, "Idempotency-Key", key)
		if err := json.Unmarshal(answer, &j); err != nil || res.StatusCode > 202 {
			t.Fatalf("%s %s %v", res.Status, answer, err)
		}
		told["submit "+res.Status] = string(answer)
		return j
	}
	ask := func(method, path string) {
		t.Helper()
		res, answer := f.do(method, path, "")
		if res.StatusCode > 202 {
			t.Errorf("%s: %s %s", path, res.Status, answer)
		}
		told[method+" "+strings.ReplaceAll(path, f.url, "")+" "+res.Status] = string(answer)
	}
	j := submit("one")
	if again := submit("one"); again.ID != j.ID {
		t.Errorf("the same request made %s and %s", j.ID, again.ID)
	}
	ask(http.MethodGet, "/v1/jobs")
	ask(http.MethodGet, "/v1/jobs/"+j.ID)
	ask(http.MethodPost, "/v1/jobs/"+j.ID+"/cancel")
	ask(http.MethodGet, "/v1/jobs/"+j.ID+"/events")
	ask(http.MethodPost, "/v1/jobs/"+j.ID+"/retry")
	ask(http.MethodPost, "/v1/jobs/"+j.ID+"/retry")
	if len(told) != 8 {
		t.Errorf("%d answers", len(told))
	}
	for what, text := range told {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "films.example/a.mov?…") {
			t.Errorf("%s tells %s", what, text)
		}
	}
	jobs, err := f.Bus.Jobs(t.Context())
	if err != nil || len(jobs) != 2 {
		t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	for _, kept := range jobs {
		if kept.Spec.Source != source || kept.Spec.Edits[0].Source != source || !strings.Contains(kept.Spec.Webhook.URL, "hunter2") {
			t.Errorf("job %s can't fetch any more: %+v", kept.ID, kept.Spec)
		}
		if strings.Contains(kept.Spec.Name, "hunter2") { // it goes into plan, manifest and reports
			t.Errorf("job %s has the name %s", kept.ID, kept.Spec.Name)
		}
	}
	f.eventsTellNo(t, query, j.ID+".queued", j.ID+".cancelled")
}

// eventsTellNo reads all events until those of the ids were seen.
func (f *fixture) eventsTellNo(t *testing.T, secret string, ids ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	enough := errors.New("all were seen")
	missing := map[string]bool{}
	for _, id := range ids {
		missing[id] = true
	}
	err := f.Bus.Events(ctx, "", 0, func(_ uint64, ce []byte) error {
		var event struct{ ID string }
		if err := json.Unmarshal(ce, &event); err != nil {
			return err
		}
		if strings.Contains(string(ce), secret) {
			t.Errorf("the event %s tells the secret: %s", event.ID, ce)
		}
		delete(missing, event.ID)
		if len(missing) == 0 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("events %v were not seen: %v", missing, err)
	}
}
