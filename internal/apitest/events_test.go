package apitest

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/services/api"
)

// events is an open stream of a job's events.
type events struct {
	t      *testing.T
	lines  *bufio.Scanner
	status int
	header http.Header
}

func (f *fixture) follow(id string, last uint64) *events {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	f.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/v1/jobs/"+id+"/events", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	if last > 0 {
		req.Header.Set("Last-Event-ID", fmt.Sprint(last))
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = res.Body.Close() })
	return &events{t: f.t, lines: bufio.NewScanner(res.Body), status: res.StatusCode, header: res.Header}
}

// next returns the lines of the next event, or "" at the end of the stream.
func (e *events) next() string {
	e.t.Helper()
	var got []string
	for e.lines.Scan() {
		if e.lines.Text() == "" {
			return strings.Join(got, "\n")
		}
		got = append(got, e.lines.Text())
	}
	if err := e.lines.Err(); err != nil {
		e.t.Fatalf("read events: %v", err)
	}
	return ""
}

// state wants the next event to be a state.
func (e *events) state(j job.Job) {
	e.t.Helper()
	got := e.next()
	if !strings.HasPrefix(got, fmt.Sprintf("id: %d\nevent: state\ndata: {", j.Revision)) || !strings.Contains(got, `"state":"`+string(j.State)+`"`) {
		e.t.Fatalf("got event %q, want state %s with id %d", got, j.State, j.Revision)
	}
}

func (e *events) end() {
	e.t.Helper()
	if got := e.next(); got != "" {
		e.t.Fatalf("got event %q, want the end", got)
	}
}

func TestEventsFollowEveryStateAndEnd(t *testing.T) {
	f := start(t, api.Config{})
	j := f.submit("")
	e := f.follow(j.ID, 0)
	if ct := e.header.Get("Content-Type"); ct != "text/event-stream" {
		t.Errorf("Content-Type %q", ct)
	}
	e.state(j)
	for _, s := range []job.State{job.Splitting, job.Encoding, job.Muxing, job.Done} {
		e.state(f.move(j.ID, s))
	}
	e.end()
}

func TestEventsResume(t *testing.T) {
	f := start(t, api.Config{})
	j := f.submit("")
	first := f.follow(j.ID, 0)
	first.state(j)
	f.move(j.ID, job.Splitting)
	encoding := f.move(j.ID, job.Encoding)
	resumed := f.follow(j.ID, j.Revision)
	resumed.state(encoding) // the states between are gone: a state tells the whole
	seen := f.follow(j.ID, encoding.Revision)
	done := f.move(j.ID, job.Done)
	seen.state(done) // not encoding again
	seen.end()
	if late := f.follow(j.ID, done.Revision); late.status != http.StatusNoContent {
		t.Errorf("to who has seen the end: %d, want 204", late.status)
	}
	again := f.follow(j.ID, 0)
	again.state(done)
	again.end()
}

func TestProgressIsThrottledAndHasNoID(t *testing.T) {
	f := start(t, api.Config{})
	j := f.submit("")
	e := f.follow(j.ID, 0)
	e.state(j)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var sent atomic.Int64
	wg.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				f.Bus.PublishProgress(job.Progress{Job: j.ID, State: job.Encoding, Task: "v0", Frames: int(sent.Add(1))})
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	const want = 4
	for range want {
		if got := e.next(); !strings.HasPrefix(got, "event: progress\ndata: {\"job\":\""+j.ID) {
			t.Fatalf("got %q, want progress without an id", got)
		}
	}
	if n := sent.Load(); n < 5*want {
		t.Errorf("%d events for %d messages: not throttled", want, n)
	}
}

func TestHeartbeat(t *testing.T) {
	f := start(t, api.Config{Heartbeat: 20 * time.Millisecond})
	j := f.submit("")
	e := f.follow(j.ID, 0)
	e.state(j)
	for range 3 {
		if got := e.next(); got != ": alive" {
			t.Fatalf("got %q, want a heartbeat", got)
		}
	}
}

func TestManyClientsShareOneWatch(t *testing.T) {
	f := start(t, api.Config{})
	j := f.submit("")
	all := make([]*events, 30)
	for i := range all {
		all[i] = f.follow(j.ID, 0)
		all[i].state(j)
	}
	if n := f.gauge("reweave_api_sse_clients"); n != 30 {
		t.Errorf("%v clients counted", n)
	}
	done := f.move(j.ID, job.Done)
	for _, e := range all {
		e.state(done)
		e.end()
	}
	if n := f.bus.watches.Load(); n != 1 {
		t.Errorf("%d watches", n)
	}
	testenv.Await(t, patience, "all clients to be gone", func() bool { return f.gauge("reweave_api_sse_clients") == 0 })
}

func (f *fixture) gauge(name string) float64 {
	f.t.Helper()
	families, err := f.metrics.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	for _, m := range families {
		if m.GetName() == name {
			return m.GetMetric()[0].GetGauge().GetValue()
		}
	}
	f.t.Fatalf("no metric %s", name)
	return 0
}

func TestDrainEndsStreams(t *testing.T) {
	f := start(t, api.Config{})
	j := f.submit("")
	e := f.follow(j.ID, 0)
	e.state(j)
	close(f.drain)
	e.end()
}

func TestClientWatchesThroughBrokenConnections(t *testing.T) {
	f := start(t, api.Config{})
	j := f.submit("")
	var connections atomic.Int32
	var resumed string
	f.wrap(func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/events") {
				h.ServeHTTP(w, r)
				return
			}
			switch connections.Add(1) {
			case 1:
				w.WriteHeader(http.StatusServiceUnavailable)
			case 2: // breaks off behind the first event
				ctx, cancel := context.WithCancel(r.Context())
				h.ServeHTTP(&cutting{ResponseWriter: w, left: 1, cut: cancel}, r.WithContext(ctx))
				panic(http.ErrAbortHandler)
			default:
				resumed = r.Header.Get("Last-Event-ID")
				h.ServeHTTP(w, r)
			}
		})
	})
	var states []job.State
	var progress atomic.Int32
	next := map[job.State]job.State{job.Queued: job.Encoding, job.Encoding: job.Muxing, job.Muxing: job.Done}
	got, err := f.client.Watch(t.Context(), j.ID, func(j job.Job) {
		states = append(states, j.State)
		if to, ok := next[j.State]; ok {
			f.move(j.ID, to)
		}
	}, func(job.Progress) { progress.Add(1) })
	if err != nil || got.State != job.Done {
		t.Fatalf("watch: %+v, %v", got, err)
	}
	if want := "[queued encoding muxing done]"; fmt.Sprint(states) != want {
		t.Errorf("states %v, want %s: each once", states, want)
	}
	if resumed != fmt.Sprint(j.Revision) {
		t.Errorf("went on behind %q, want %d", resumed, j.Revision)
	}
	if n := connections.Load(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

// cutting ends a stream after some writes.
type cutting struct {
	http.ResponseWriter
	left int
	cut  func()
}

func (c *cutting) Write(b []byte) (int, error) {
	if c.left--; c.left < 0 {
		c.cut()
		return 0, http.ErrHandlerTimeout
	}
	return c.ResponseWriter.Write(b)
}

func (c *cutting) Unwrap() http.ResponseWriter { return c.ResponseWriter }
