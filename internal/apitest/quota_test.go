package apitest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/store"
	"github.com/reweave/reweave/services/api"
)

// replicas are two of one API, on the same servers, with one file of tokens.
type replicas struct {
	*fixture
	tokens *tokenFile
	other  *client.Client
	second string // the URL of the other one
}

func startTwo(t *testing.T, cfg api.Config) replicas {
	t.Helper()
	r := replicas{tokens: newTokenFile(t)}
	cfg.Tokens = r.tokens.path
	r.fixture = start(t, cfg)
	second := runOn(t.Context(), t, r.Env, cfg, r.Log)
	t.Cleanup(func() { close(second.drain); second.over(t) })
	r.other, r.second = second.client, "http://"+second.addr
	return r
}

// limit adds a line about a tenant to the file of tokens.
func (r replicas) limit(tenant, limits string) {
	r.t.Helper()
	r.tokens.line(fmt.Sprintf(`{"tenant":%q,"limits":%s}`, tenant, limits))
}

// by returns the two replicas as a tenant reaches them.
func (r replicas) by(tenant string) (token string, both [2]*client.Client) {
	r.t.Helper()
	token = r.tokens.add(tenant, auth.Submit)
	return token, [2]*client.Client{r.client.WithToken(token), r.other.WithToken(token)}
}

// slugOf returns the slug of a refusal, "" for none.
func slugOf(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Type
	}
	return ""
}

var spec = job.Spec{Source: "s3://films/a.mov"}

// Of many submissions at once, at two replicas, just as many are taken as the tenant may
// have open jobs; another tenant goes on as it likes.
func TestOpenJobsOfATenantAreLimited(t *testing.T) {
	r := startTwo(t, api.Config{TenantJobs: 3})
	r.limit("free", `{"jobs":0}`)
	token, a := r.by("acme")
	_, free := r.by("free")
	var taken, refused atomic.Int32
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			switch _, err := a[i%2].Submit(t.Context(), spec, ""); {
			case err == nil:
				taken.Add(1)
			case slugOf(err) == "too-many-open-jobs":
				refused.Add(1)
			default:
				t.Error(err)
			}
			if _, err := free[i%2].Submit(t.Context(), spec, ""); err != nil {
				t.Errorf("another tenant: %v", err)
			}
		})
	}
	all.Wait()
	if taken.Load() != 3 || refused.Load() != 17 {
		t.Errorf("%d taken, %d refused, want 3 and 17", taken.Load(), refused.Load())
	}
	p := r.refused(http.StatusTooManyRequests, "too-many-open-jobs", http.MethodPost, "/v1/jobs", film, "Authorization", "Bearer "+token)
	if !strings.Contains(p.Detail, "acme has 3 open jobs") {
		t.Errorf("told %q", p.Detail)
	}
	res, _ := r.do(http.MethodPost, "/v1/jobs", film, "Authorization", "Bearer "+token)
	if after, err := strconv.Atoi(res.Header.Get("Retry-After")); err != nil || after < 1 || after > 300 {
		t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
	}
}

// A job that ends, however it does, makes room for one; one that exists needs none.
func TestAnEndedJobMakesRoom(t *testing.T) {
	r := startTwo(t, api.Config{})
	r.limit("acme", `{"jobs":1}`)
	_, a := r.by("acme")
	for i, state := range []job.State{job.Done, job.Failed, job.Cancelled} {
		key := fmt.Sprint("key ", i)
		j, err := a[0].Submit(t.Context(), spec, key)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := a[1].Submit(t.Context(), spec, key); err != nil || again.ID != j.ID {
			t.Errorf("the same submission again: %s, %v", again.ID, err)
		}
		if _, err := a[1].Submit(t.Context(), spec, ""); slugOf(err) != "too-many-open-jobs" {
			t.Errorf("beside an open one: %v", err)
		}
		r.move(j.ID, state)
		if again, err := a[1].Submit(t.Context(), spec, key); err != nil || again.ID != j.ID {
			t.Errorf("the same submission behind its end: %s, %v", again.ID, err)
		}
	}
	if _, err := a[0].Submit(t.Context(), spec, ""); err != nil {
		t.Error(err)
	}
}

// room returns how many uploads of so many bytes are taken, of ten that are begun at once.
func (r replicas) room(token string, bytes int) int {
	r.t.Helper()
	var taken atomic.Int32
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			at := []string{"/v1/uploads", r.second + "/v1/uploads"}[i%2]
			body := fmt.Sprintf(`{"name":"a.mkv","size":%d}`, bytes)
			res, b := r.do(http.MethodPost, at, body, "Authorization", "Bearer "+token)
			switch {
			case res.StatusCode == http.StatusCreated:
				taken.Add(1)
			case res.StatusCode != http.StatusInsufficientStorage:
				r.t.Errorf("%s: %s", res.Status, b)
			}
		})
	}
	all.Wait()
	return int(taken.Load())
}

func TestStoredBytesOfATenantAreLimited(t *testing.T) {
	r := startTwo(t, api.Config{TenantBytes: 100})
	token, a := r.by("acme")
	source, err := a[1].Upload(t.Context(), "a.mkv", strings.NewReader(strings.Repeat("x", 35)), 35, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.room(token, 30); n != 2 {
		t.Errorf("%d uploads of 30 bytes beside one of 35, want 2", n)
	}
	r.refused(http.StatusInsufficientStorage, "storage-limit", http.MethodPost, "/v1/uploads", `{"name":"a.mkv","size":6}`, "Authorization", "Bearer "+token)
	if _, err := a[0].Upload(t.Context(), "a.mkv", strings.NewReader("123456"), 6, nil); slugOf(err) != "storage-limit" || fault.Of(err) != fault.User {
		t.Errorf("the client is told %v", err)
	}
	other, _ := r.by("other")
	if n := r.room(other, 10); n != 10 {
		t.Errorf("another tenant has room for %d", n)
	}
	id := strings.TrimPrefix(source, "upload:")
	if res, b := r.do(http.MethodDelete, "/v1/uploads/"+id+"?name=a.mkv&size=35", "", "Authorization", "Bearer "+token); res.StatusCode != http.StatusNoContent {
		t.Fatalf("drop: %s %s", res.Status, b)
	}
	if n := r.room(token, 20); n != 2 {
		t.Errorf("%d uploads of 20 bytes where 35 were dropped, want 2 of 40 that are free", n)
	}
}

// Who sends more than was promised is told so when the upload is completed, or used.
func TestMoreThanWasPromised(t *testing.T) {
	r := startTwo(t, api.Config{TenantBytes: 100})
	token, _ := r.by("acme")
	_, b := r.do(http.MethodPost, "/v1/uploads", `{"name":"a.mkv","size":1}`, "Authorization", "Bearer "+token)
	var up struct {
		ID, URL, Source string
	}
	if err := json.Unmarshal(b, &up); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	if res, said := r.do(http.MethodPut, up.URL, strings.Repeat("x", 101)); res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", res.Status, said)
	}
	r.refused(http.StatusInsufficientStorage, "storage-limit", http.MethodPost, "/v1/uploads/"+up.ID+"/complete?name=a.mkv", "", "Authorization", "Bearer "+token)
	r.refused(http.StatusInsufficientStorage, "storage-limit", http.MethodPost, "/v1/jobs", `{"source":"`+up.Source+`"}`, "Authorization", "Bearer "+token)
}

// A deliverable takes room until it is gone from the store, whoever deleted it.
func TestDeliverablesTakeRoom(t *testing.T) {
	r := startTwo(t, api.Config{TenantBytes: 100})
	token, a := r.by("acme")
	j, err := a[0].Submit(t.Context(), spec, "")
	if err != nil {
		t.Fatal(err)
	}
	key := store.OutputKey(j.ID, "1", "deliverable.mp4")
	r.put(key, make([]byte, 100))
	if _, err := r.Bus.UpdateJob(t.Context(), j.ID, func(j *job.Job) error {
		j.State, j.Output = job.Done, &job.Output{Key: key, Bytes: 100}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	r.refused(http.StatusInsufficientStorage, "storage-limit", http.MethodPost, "/v1/jobs", film, "Authorization", "Bearer "+token)
	if err := r.Store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(patience)
	for { // it is counted anew, though not at every request
		_, err := a[1].Submit(t.Context(), spec, "")
		if err == nil {
			break
		}
		select {
		case <-deadline:
			t.Fatal(err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// A job carries the slots of its tenant, as they are when it is submitted.
func TestJobsCarryTheSlotsOfTheirTenant(t *testing.T) {
	r := startTwo(t, api.Config{TenantSlots: 4})
	r.limit("big", `{"slots":40}`)
	for tenant, want := range map[string]int{"small": 4, "big": 40} {
		_, both := r.by(tenant)
		if j, err := both[0].Submit(t.Context(), spec, ""); err != nil || j.Slots != want {
			t.Errorf("%s: %d slots, %v", tenant, j.Slots, err)
		}
	}
}
