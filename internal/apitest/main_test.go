package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/services/api"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// patience bounds what a loaded machine may take; nothing waits for it in vain.
const patience = 20 * time.Second

// countedBus counts the watches over all jobs that are open.
type countedBus struct {
	*natsq.Bus
	watches atomic.Int32
}

func (b *countedBus) WatchJobs(ctx context.Context, fn func(job.Job)) error {
	b.watches.Add(1)
	return b.Bus.WatchJobs(ctx, fn)
}

// fixture is an API on servers of its own.
type fixture struct {
	*testenv.Env
	t       *testing.T
	bus     *countedBus
	metrics *prometheus.Registry
	url     string
	client  *client.Client
	drain   chan struct{}
	// around, when set, gets every request before the API.
	around atomic.Pointer[func(http.Handler) http.Handler]
}

func start(t *testing.T, cfg api.Config) *fixture {
	t.Helper()
	f := &fixture{Env: testenv.Start(t), t: t, metrics: prometheus.NewRegistry(), drain: make(chan struct{})}
	f.bus = &countedBus{Bus: f.Bus}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := api.New(ctx, cfg, api.Deps{Bus: f.bus, Store: f.Store, Log: f.Log, Metrics: f.metrics, Drain: f.drain})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var h http.Handler = s
		if around := f.around.Load(); around != nil {
			h = (*around)(s)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		cancel()
		srv.CloseClientConnections()
		srv.Close()
		s.Wait()
	})
	f.url, f.client = srv.URL, client.New(srv.URL, nil)
	return f
}

func (f *fixture) wrap(around func(http.Handler) http.Handler) { f.around.Store(&around) }

// do sends a request without following redirects; the body is read whole.
func (f *fixture) do(method, path, body string, header ...string) (*http.Response, []byte) {
	f.t.Helper()
	url := path
	if strings.HasPrefix(path, "/") {
		url = f.url + path
	}
	req, err := http.NewRequestWithContext(f.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return res, b
}

type problem struct {
	fault.Problem
	Errors []struct{ Message, Location string }
}

// refused asks for an answer with a problem and returns it.
func (f *fixture) refused(status int, slug string, method, path, body string, header ...string) problem {
	f.t.Helper()
	res, b := f.do(method, path, body, header...)
	var p problem
	if err := json.Unmarshal(b, &p); err != nil {
		f.t.Fatalf("%s %s: %s: %v in %s", method, path, res.Status, err, b)
	}
	if res.StatusCode != status || p.Status != status || p.Slug() != slug || p.Title == "" || p.Hint == "" {
		f.t.Errorf("%s %s: %s with %s, want %d %s with a title and a hint", method, path, res.Status, b, status, slug)
	}
	if ct := res.Header.Get("Content-Type"); ct != "application/problem+json" {
		f.t.Errorf("%s %s: Content-Type %q", method, path, ct)
	}
	return p
}

const film = `{"source":"s3://films/a.mov","video":{"crf":20}}`

func (f *fixture) submit(key string) job.Job {
	f.t.Helper()
	j, err := f.client.Submit(f.t.Context(), job.Spec{Source: "s3://films/a.mov"}, key)
	if err != nil {
		f.t.Fatal(err)
	}
	return j
}

// move puts a job into a state, as a service would.
func (f *fixture) move(id string, to job.State) job.Job {
	f.t.Helper()
	j, err := f.Bus.UpdateJob(f.t.Context(), id, func(j *job.Job) error { j.State = to; return nil })
	if err != nil {
		f.t.Fatal(err)
	}
	return j
}

func (f *fixture) put(key string, content []byte) {
	f.t.Helper()
	if err := f.Store.Put(f.t.Context(), key, bytes.NewReader(content), int64(len(content)), nil); err != nil {
		f.t.Fatal(err)
	}
}
