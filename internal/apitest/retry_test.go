package apitest

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/services/api"
)

func TestRetryMakesOneNewJob(t *testing.T) {
	f := start(t, api.Config{})
	for _, end := range []job.State{job.Failed, job.Cancelled} {
		old := f.submit(string(end))
		f.refused(409, "not-retryable", http.MethodPost, "/v1/jobs/"+old.ID+"/retry", "")
		f.move(old.ID, end)
		var mu sync.Mutex
		made := map[string]int{} // by status and id
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				res, body := f.do(http.MethodPost, "/v1/jobs/"+old.ID+"/retry", "")
				var j job.Job
				if err := json.Unmarshal(body, &j); err != nil || j.State != job.Queued || j.RetryOf != old.ID || j.ID == old.ID || j.Spec.Source != old.Spec.Source {
					t.Errorf("%s %s %v", res.Status, body, err)
				}
				mu.Lock()
				defer mu.Unlock()
				made[j.ID]++
				made[res.Status]++
			})
		}
		all.Wait()
		if len(made) != 3 || made["202 Accepted"] != 1 || made["200 OK"] != 9 {
			t.Errorf("ten retries of a %s job made %v", end, made)
		}
	}
}

// A retry of a job whose retry failed, too, is a retry of that one.
func TestRetryGoesOnBehindItsRetry(t *testing.T) {
	f := start(t, api.Config{})
	first := f.submit("a")
	f.move(first.ID, job.Failed)
	second, err := f.client.Retry(t.Context(), first.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	f.move(second.ID, job.Failed)
	third, err := f.client.Retry(t.Context(), first.ID, "")
	if err != nil || third.ID == second.ID || third.RetryOf != second.ID || third.State != job.Queued {
		t.Errorf("%+v, %v", third, err)
	}
}

func TestRetryOfASignedWebhookAsksForItsSecret(t *testing.T) {
	f := start(t, api.Config{})
	secret := "whsec_" + strings.Repeat("QUJD", 8)
	var old job.Job
	res, body := f.do(http.MethodPost, "/v1/jobs", `{"source":"s3://films/a.mov","webhook":{"url":"https://example.com/","secret":"`+secret+`"}}`)
	if err := json.Unmarshal(body, &old); err != nil {
		t.Fatalf("%s %s %v", res.Status, body, err)
	}
	f.move(old.ID, job.Failed)
	if err := f.Bus.DropSecret(t.Context(), old.ID); err != nil { // as behind a delivery
		t.Fatal(err)
	}
	f.refused(422, "webhook-secret-needed", http.MethodPost, "/v1/jobs/"+old.ID+"/retry", "")
	j, err := f.client.Retry(t.Context(), old.ID, job.Secret(secret))
	if err != nil || j.Spec.Webhook == nil || j.Spec.Webhook.Secret != "" || !j.Spec.Webhook.Signed {
		t.Fatalf("%+v, %v", j, err)
	}
	if kept, err := f.Bus.Secret(t.Context(), j.ID); err != nil || string(kept) != secret {
		t.Errorf("the secret is not kept for the new job: %v", err)
	}
}

func TestRetryKeepsToTenants(t *testing.T) {
	tokens := newTokenFile(t)
	f := start(t, api.Config{Tokens: tokens.path})
	a, b := f.client.WithToken(tokens.add("a", auth.Submit)), tokens.add("b", auth.Submit)
	boss := f.client.WithToken(tokens.add("ops", auth.Admin))
	j, err := a.Submit(t.Context(), job.Spec{Source: "s3://films/a.mov"}, "")
	if err != nil {
		t.Fatal(err)
	}
	f.move(j.ID, job.Failed)
	f.refused(404, "no-such-job", http.MethodPost, "/v1/jobs/"+j.ID+"/retry", "", "Authorization", "Bearer "+b)
	again, err := boss.Retry(t.Context(), j.ID, "")
	if err != nil || again.Tenant != "a" {
		t.Errorf("an admin's retry: %+v, %v", again, err)
	}
}

// What was uploaded may be gone by then.
func TestRetryLooksForTheSource(t *testing.T) {
	f := start(t, api.Config{})
	source, err := f.client.Upload(t.Context(), "film.mkv", strings.NewReader("film"), 4, nil)
	if err != nil {
		t.Fatal(err)
	}
	j, err := f.client.Submit(t.Context(), job.Spec{Source: source}, "")
	if err != nil {
		t.Fatal(err)
	}
	f.move(j.ID, job.Failed)
	if err := f.Store.Delete(t.Context(), f.stored("uploads/")...); err != nil {
		t.Fatal(err)
	}
	f.refused(422, "no-such-upload", http.MethodPost, "/v1/jobs/"+j.ID+"/retry", "")
}
