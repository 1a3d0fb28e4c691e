package apitest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/services/api"
)

func TestSubmitMakesAJobAndTellsTheSplitter(t *testing.T) {
	f := start(t, api.Config{PublicURL: "https://reweave.example/"})
	res, body := f.do(http.MethodPost, "/v1/jobs", film, "Idempotency-Key", "a")
	var j job.Job
	if err := json.Unmarshal(body, &j); err != nil || res.StatusCode != http.StatusAccepted {
		t.Fatalf("%s %s %v", res.Status, body, err)
	}
	if want := "https://reweave.example/v1/jobs/" + j.ID; res.Header.Get("Location") != want {
		t.Errorf("Location %q, want %q", res.Header.Get("Location"), want)
	}
	if j.State != job.Queued || j.Spec.Video.Preset != "medium" || j.Spec.Name != "a.mov" || j.Revision == 0 {
		t.Errorf("got %+v, want a queued job with its defaults filled in", j)
	}
	if got, err := f.client.Job(t.Context(), j.ID); err != nil || got.ID != j.ID || got.Spec.Source != j.Spec.Source {
		t.Errorf("read back %+v, %v", got, err)
	}
	if got := f.nextSplit(); got != j.ID {
		t.Errorf("the splitter got job %s, want %s", got, j.ID)
	}
	if got := f.events(j.ID, 1); got[0] != job.EventQueued {
		t.Errorf("events %v", got)
	}
}

// nextSplit returns the job at the head of the splitter's queue.
func (f *fixture) nextSplit() string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	lease, err := f.Bus.NextSplit(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	return lease.JobID()
}

// events returns the types of a job's first n events.
func (f *fixture) events(id string, n int) (types []string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	errEnough := errors.New("enough")
	err := f.Bus.Events(ctx, id, 0, func(_ uint64, ce []byte) error {
		var e struct{ Type string }
		if err := json.Unmarshal(ce, &e); err != nil {
			return err
		}
		if types = append(types, e.Type); len(types) == n {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		f.t.Fatalf("events %v, %v; want %d", types, err, n)
	}
	return types
}

func TestIdempotencyKey(t *testing.T) {
	f := start(t, api.Config{})
	first := f.submit("k")
	res, body := f.do(http.MethodPost, "/v1/jobs", `{"source":"s3://films/a.mov"}`, "Idempotency-Key", "k")
	var again job.Job
	if err := json.Unmarshal(body, &again); err != nil || res.StatusCode != http.StatusOK || again.ID != first.ID {
		t.Errorf("again: %s %s, want 200 and job %s", res.Status, body, first.ID)
	}
	f.refused(422, "idempotency-mismatch", http.MethodPost, "/v1/jobs", film, "Idempotency-Key", "k")
	if other := f.submit("l"); other.ID == first.ID {
		t.Error("two keys made one job")
	}
	if a, b := f.submit(""), f.submit(""); a.ID == b.ID {
		t.Error("two submits without a key made one job")
	}
}

func TestFiftySubmitsAtOnceMakeOneJob(t *testing.T) {
	f := start(t, api.Config{})
	var wg sync.WaitGroup
	ids := make([]string, 50)
	for i := range ids {
		wg.Go(func() {
			j, err := f.client.Submit(t.Context(), job.Spec{Source: "s3://films/a.mov"}, "race")
			if err != nil {
				t.Error(err)
			}
			ids[i] = j.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("jobs %v, want one", ids)
		}
	}
	if all, err := f.client.Jobs(t.Context(), "", 0); err != nil || len(all) != 1 {
		t.Errorf("%d jobs, %v; want 1", len(all), err)
	}
}

func TestListPagesNewestFirstByState(t *testing.T) {
	f := start(t, api.Config{})
	ids := make([]string, 5)
	for i := range ids {
		ids[len(ids)-1-i] = f.submit("").ID
	}
	f.move(ids[1], job.Done)
	var got []string
	for cursor := ""; ; {
		res, body := f.do(http.MethodGet, "/v1/jobs?limit=2&cursor="+cursor, "")
		var page struct {
			Jobs []job.Job
			Next string
		}
		if err := json.Unmarshal(body, &page); err != nil || res.StatusCode != http.StatusOK || len(page.Jobs) > 2 {
			t.Fatalf("%s %s", res.Status, body)
		}
		for _, j := range page.Jobs {
			got = append(got, j.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(ids) {
		t.Errorf("pages %v, want %v", got, ids)
	}
	if done, err := f.client.Jobs(t.Context(), job.Done, 3); err != nil || len(done) != 1 || done[0].ID != ids[1] {
		t.Errorf("done: %+v, %v", done, err)
	}
	if some, err := f.client.Jobs(t.Context(), "", 3); err != nil || len(some) != 3 {
		t.Errorf("limit 3: %d, %v", len(some), err)
	}
	p := f.refused(422, "invalid-request", http.MethodGet, "/v1/jobs?state=lost", "")
	if len(p.Errors) != 1 || p.Errors[0].Location != "query.state" {
		t.Errorf("errors %+v", p.Errors)
	}
}

func TestCancel(t *testing.T) {
	f := start(t, api.Config{})
	j := f.submit("")
	got, err := f.client.Cancel(t.Context(), j.ID)
	if err != nil || got.State != job.Cancelled || got.Finished == nil {
		t.Fatalf("cancel: %+v, %v", got, err)
	}
	if got := f.events(j.ID, 2); got[1] != job.EventCancelled {
		t.Errorf("events %v", got)
	}
	again, err := f.client.Cancel(t.Context(), j.ID)
	if err != nil || again.Revision != got.Revision {
		t.Errorf("a second cancel: %+v, %v; want the same job", again, err)
	}
	done := f.submit("")
	f.move(done.ID, job.Done)
	p := f.refused(409, "job-is-final", http.MethodPost, "/v1/jobs/"+done.ID+"/cancel", "")
	if !strings.Contains(p.Title, "is done already") {
		t.Errorf("title %q", p.Title)
	}
}

func TestCancelTellsTheWorkersAndEmptiesTheQueues(t *testing.T) {
	f := start(t, api.Config{})
	j := f.submit("")
	told := make(chan string, 1024) // more than are ever sent: its sender must not block
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() { _ = f.Bus.WatchCancel(ctx, func(id string) { told <- id }) })
	// Again and again, as the subscription begins at some moment of its own.
	testenv.Await(t, patience, "the broadcast", func() bool {
		if _, err := f.client.Cancel(t.Context(), j.ID); err != nil {
			t.Fatal(err)
		}
		return len(told) > 0
	})
	if id := <-told; id != j.ID {
		t.Errorf("told of job %s, want %s", id, j.ID)
	}
	// The first message of the queue is another job's.
	next := f.submit("")
	if got := f.nextSplit(); got != next.ID {
		t.Errorf("the queue holds job %s, want %s", got, next.ID)
	}
	if got := f.events(j.ID, 2); got[1] != job.EventCancelled {
		t.Errorf("events %v", got)
	}
}

func TestWorkersAndEncoders(t *testing.T) {
	f := start(t, api.Config{})
	if ws, err := f.client.Workers(t.Context()); err != nil || len(ws) != 0 {
		t.Errorf("workers %v, %v", ws, err)
	}
	e := queue.Encoder{Name: "libx264", Build: "b1", Presets: []string{"medium", "slow"}}
	if err := f.Bus.AnnounceEncoder(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := f.Bus.Announce(t.Context(), queue.Worker{ID: "w1", Host: "h", Slots: 2, Encoders: map[string]queue.Encoder{"libx264": e}}); err != nil {
		t.Fatal(err)
	}
	if ws, err := f.client.Workers(t.Context()); err != nil || len(ws) != 1 || ws[0].Host != "h" {
		t.Errorf("workers %v, %v", ws, err)
	}
	if es, err := f.client.Encoders(t.Context()); err != nil || len(es) != 1 || es[0].Build != "b1" {
		t.Errorf("encoders %v, %v", es, err)
	}
	p := f.refused(422, "unsupported-preset", http.MethodPost, "/v1/jobs", `{"source":"s3://films/b","video":{"preset":"fast"}}`)
	if !strings.Contains(p.Hint, "medium, slow") {
		t.Errorf("hint %q does not name the presets there are", p.Hint)
	}
	p = f.refused(422, "unsupported-codec", http.MethodPost, "/v1/jobs", `{"source":"s3://films/b","video":{"codec":"librav1e"}}`)
	if !strings.Contains(p.Hint, "libx264") {
		t.Errorf("hint %q does not name the codecs there are", p.Hint)
	}
}

func TestLocalPaths(t *testing.T) {
	f := start(t, api.Config{LocalPaths: true})
	path := filepath.Join(t.TempDir(), "a.mov")
	spec := job.Spec{Source: path}
	_, err := f.client.Submit(t.Context(), spec, "")
	if e, ok := errors.AsType[*fault.Error](err); !ok || e.Class != fault.User || e.Type != "no-such-source" || e.Where != "source" {
		t.Errorf("a file that is not there: %#v", err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if j, err := f.client.Submit(t.Context(), spec, ""); err != nil || j.Spec.Name != "a.mov" {
		t.Errorf("got %+v, %v", j, err)
	}
	f.refused(422, "no-such-source", http.MethodPost, "/v1/jobs", fmt.Sprintf(`{"source":%q}`, filepath.Dir(path)))
}
