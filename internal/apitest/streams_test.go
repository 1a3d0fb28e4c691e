package apitest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/services/api"
)

// stream opens a stream of events and returns its answer.
func (f *fixture) stream(id, token string) (*http.Response, context.CancelFunc) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	f.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/v1/jobs/"+id+"/events", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = res.Body.Close() })
	return res, cancel
}

func TestOpenStreamsAreLimited(t *testing.T) {
	tokens := newTokenFile(t)
	f := start(t, api.Config{Tokens: tokens.path, Streams: 2})
	submit, other := tokens.add("a", auth.Submit), tokens.add("a", auth.Read)
	j, err := f.client.WithToken(submit).Submit(t.Context(), job.Spec{Source: "s3://films/a.mov"}, "")
	if err != nil {
		t.Fatal(err)
	}
	_, leave := f.stream(j.ID, submit)
	second, _ := f.stream(j.ID, submit)
	if second.StatusCode != http.StatusOK {
		t.Errorf("the second stream: %s", second.Status)
	}
	third, _ := f.stream(j.ID, submit)
	if third.StatusCode != http.StatusTooManyRequests || third.Header.Get("Retry-After") == "" {
		t.Errorf("the third stream: %s, Retry-After %q", third.Status, third.Header.Get("Retry-After"))
	}
	if res, _ := f.stream(j.ID, other); res.StatusCode != http.StatusOK {
		t.Errorf("another client: %s", res.Status)
	}
	leave()
	testenv.Await(t, patience, "room for another stream", func() bool {
		res, _ := f.stream(j.ID, submit)
		return res.StatusCode == http.StatusOK
	})
}

// Who follows a job is not told any more once the token doesn't count.
func TestStreamsEndWithTheirToken(t *testing.T) {
	tokens := newTokenFile(t)
	f := start(t, api.Config{Tokens: tokens.path, Heartbeat: 20 * time.Millisecond})
	token := tokens.add("a", auth.Submit)
	j, err := f.client.WithToken(token).Submit(t.Context(), job.Spec{Source: "s3://films/a.mov"}, "")
	if err != nil {
		t.Fatal(err)
	}
	res, _ := f.stream(j.ID, token)
	ended := make(chan error, 1)
	beats := make(chan bool, 1)
	go func() {
		b := make([]byte, 4096)
		for n := 0; ; n++ {
			if _, err := res.Body.Read(b); err != nil {
				ended <- err
				return
			}
			if n == 3 { // it lives
				beats <- true
			}
		}
	}()
	select {
	case <-beats:
	case err := <-ended:
		t.Fatalf("the stream ended by itself: %v", err)
	}
	tokens.write("")
	if err := <-ended; err.Error() != "EOF" {
		t.Errorf("the stream of a token that is gone: %v", err)
	}
}
