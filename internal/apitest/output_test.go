package apitest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/store"
	"github.com/reweave/reweave/services/api"
)

const manifest = `{"chunks":[]}`

// A plan is there before the deliverable is.
func TestPlan(t *testing.T) {
	f := start(t, api.Config{})
	j := f.submit("")
	const plan = `{"segments":[]}`
	f.put(store.PlanKey(j.ID), []byte(plan))
	if _, err := f.Bus.UpdateJob(t.Context(), j.ID, func(j *job.Job) error {
		j.State, j.Plan, j.PlanSHA256 = job.Encoding, store.PlanKey(j.ID), digest([]byte(plan))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := f.client.Plan(t.Context(), j.ID); err != nil || string(got) != plan {
		t.Errorf("%s, %v", got, err)
	}
	f.put(store.PlanKey(j.ID), []byte(`{"segments":[1]}`))
	f.refused(409, "no-plan", http.MethodGet, "/v1/jobs/"+j.ID+"/plan", "")
}

// finished makes a job that is done, with a deliverable.
func (f *fixture) finished(content []byte) job.Job {
	f.t.Helper()
	j := f.submit("")
	key := store.OutputKey(j.ID, "1", "a.mp4")
	f.put(key, content)
	f.put(key+".json", []byte(manifest))
	j, err := f.Bus.UpdateJob(f.t.Context(), j.ID, func(j *job.Job) error {
		j.State = job.Done
		j.Output = &job.Output{Key: key, Manifest: key + ".json", ManifestSHA256: digest([]byte(manifest)), Bytes: int64(len(content)), SHA256: digest(content)}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return j
}

func TestOutputRedirectsToTheStore(t *testing.T) {
	f := start(t, api.Config{})
	data := noise(1 << 20)
	j := f.finished(data)
	res, _ := f.do(http.MethodGet, "/v1/jobs/"+j.ID+"/output", "")
	if res.StatusCode != http.StatusFound {
		t.Fatalf("%s", res.Status)
	}
	res, body := f.do(http.MethodGet, res.Header.Get("Location"), "", "Range", "bytes=10-19")
	if res.StatusCode != http.StatusPartialContent || !bytes.Equal(body, data[10:20]) {
		t.Errorf("a range from the store: %s", res.Status)
	}
	if cd := res.Header.Get("Content-Disposition"); !strings.Contains(cd, "a.mp4") {
		t.Errorf("Content-Disposition %q", cd)
	}
}

func TestOutputDirect(t *testing.T) {
	f := start(t, api.Config{})
	data := noise(1 << 20)
	path := "/v1/jobs/" + f.finished(data).ID + "/output?direct=1"
	for _, c := range []struct {
		method, bytes string
		status        int
		want          []byte
	}{
		{"GET", "", 200, data},
		{"HEAD", "", 200, nil},
		{"GET", "bytes=0-0", 206, data[:1]},
		{"GET", "bytes=100-199", 206, data[100:200]},
		{"GET", "bytes=1048000-", 206, data[1048000:]},
		{"GET", "bytes=-7", 206, data[len(data)-7:]},
		{"GET", "bytes=2000000-", 416, nil},
	} {
		res, body := f.do(c.method, path, "", "Range", c.bytes)
		if res.StatusCode != c.status || c.want != nil && !bytes.Equal(body, c.want) {
			t.Errorf("%s %q: %s with %d bytes, want %d with %d", c.method, c.bytes, res.Status, len(body), c.status, len(c.want))
		}
		if c.status == 200 && (res.ContentLength != int64(len(data)) || res.Header.Get("Content-Type") != "video/mp4" ||
			res.Header.Get("ETag") != `"`+digest(data)+`"` || !strings.Contains(res.Header.Get("Content-Disposition"), "a.mp4")) {
			t.Errorf("%s: header %v", c.method, res.Header)
		}
	}
}

func TestManifest(t *testing.T) {
	f := start(t, api.Config{})
	j := f.finished([]byte("x"))
	if m, err := f.client.Manifest(t.Context(), j.ID); err != nil || string(m) != manifest {
		t.Errorf("%s, %v", m, err)
	}
	res, _ := f.do(http.MethodGet, "/v1/jobs/"+j.ID+"/manifest", "")
	if ct := res.Header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type %q", ct)
	}
	if err := f.Store.Delete(t.Context(), j.Output.Key, j.Output.Manifest); err != nil {
		t.Fatal(err)
	}
	f.refused(404, "output-gone", http.MethodGet, "/v1/jobs/"+j.ID+"/manifest", "")
	f.refused(404, "output-gone", http.MethodGet, "/v1/jobs/"+j.ID+"/output?direct=1", "")
}

func TestClientFetchesOutputThroughBrokenConnections(t *testing.T) {
	f := start(t, api.Config{})
	data := noise(4 << 20)
	j := f.finished(data)
	var direct atomic.Int32
	f.wrap(func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case !strings.HasSuffix(r.URL.Path, "/output"):
				h.ServeHTTP(w, r)
			case !r.URL.Query().Has("direct"): // a store that this client can't reach
				http.Redirect(w, r, "http://127.0.0.1:1/a", http.StatusFound)
			case direct.Add(1) <= 2:
				h.ServeHTTP(&cutting{ResponseWriter: w, left: 20, cut: func() {}}, r)
				panic(http.ErrAbortHandler)
			default:
				h.ServeHTTP(w, r)
			}
		})
	})
	var out bytes.Buffer
	if err := f.client.Output(t.Context(), j.ID, &out); err != nil || !bytes.Equal(out.Bytes(), data) {
		t.Errorf("%v: %d of %d bytes", err, out.Len(), len(data))
	}
	if n := direct.Load(); n != 3 {
		t.Errorf("%d transfers, want two broken ones and one more", n)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errDisk }

func TestClientOutputErrors(t *testing.T) {
	f := start(t, api.Config{})
	j := f.finished(noise(1000))
	if err := f.client.Output(t.Context(), j.ID, fullDisk{}); !errors.Is(err, errDisk) {
		t.Errorf("a full disk: %v", err)
	}
	f.put(j.Output.Key, noise(999 + 1)[:1000])
	damaged := noise(1000)
	damaged[500] ^= 1
	f.put(j.Output.Key, damaged)
	var e *fault.Error
	if err := f.client.Output(t.Context(), j.ID, io.Discard); !errors.As(err, &e) || e.Type != "output-damaged" {
		t.Errorf("damaged bytes: %v", err)
	}
	if err := f.client.Output(t.Context(), f.submit("").ID, io.Discard); !errors.As(err, &e) || e.Type != "no-output" || e.Class != fault.User {
		t.Errorf("a job that is not done: %v", err)
	}
	if strings.Count(e.Error(), e.Title) != 1 || strings.Count(e.Error(), e.Hint) != 1 {
		t.Errorf("%q says something twice", e.Error())
	}
	if want := fault.ProblemOf(e); want.Detail != e.Error() {
		t.Errorf("%q became %q", want.Detail, e.Error())
	}
}
