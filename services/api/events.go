package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/job"
)

const (
	eventsPath = "/v1/jobs/{id}/events"
	// progressEvery bounds the rate of progress events: each one tells the newest.
	progressEvery = 200 * time.Millisecond
	// writeTimeout is how long a client may take to accept one event.
	writeTimeout = 10 * time.Second
)

type eventsInput struct {
	ID   string `path:"id" doc:"id of the job"`
	Last uint64 `header:"Last-Event-ID" doc:"id of the last event that the client has seen"`
}

func (s *Server) routeEvents() {
	stream := &huma.MediaType{Schema: &huma.Schema{
		Type: huma.TypeString, Description: "server-sent events: `state` with a Job and its revision as id, `progress` with a Progress and no id",
	}}
	register(s, auth.Read, huma.Operation{
		OperationID: "follow-job", Method: http.MethodGet, Path: eventsPath, Tags: []string{"jobs"},
		Summary: "Follow a job",
		Description: "Streams the job's state now and after every change, and its progress. Ends after the final state, " +
			"when the token does not count any more, or when the server drains: connect again with Last-Event-ID. " +
			"Answers 204 when the client has seen the final state.",
		Errors: []int{http.StatusNotFound},
		Responses: map[string]*huma.Response{
			"200": {Description: "Events", Content: map[string]*huma.MediaType{"text/event-stream": stream}},
			"204": {Description: "There will be no further events"},
		},
	}, s.follow)
}

func (s *Server) follow(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	if !job.ValidID(in.ID) {
		return nil, noJob(in.ID)
	}
	// The mailbox comes first: what changes after the read below is in it.
	f, leave := s.hub.follow(in.ID)
	j, err := s.job(ctx, in.ID)
	if err != nil {
		leave()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer leave()
		if j.State.Final() && j.Revision <= in.Last {
			hctx.SetStatus(http.StatusNoContent)
			return
		}
		r, w := humago.Unwrap(hctx)
		who, known := r.Context().Value(caller{}).(auth.Principal)
		out, ok := s.streams.enter(clientOf(r, who, known))
		if !ok {
			slowDown(w, streamAfter)
			return
		}
		defer out()
		s.metrics.clients.Inc()
		defer s.metrics.clients.Dec()
		st := &stream{w: w, rc: http.NewResponseController(w), last: in.Last, every: s.cfg.Heartbeat, may: func() bool { return s.maySee(r, j) }}
		st.open()
		// An error means that the client has gone, and nobody is left to tell.
		_ = st.run(hctx.Context(), s.drain, j, f)
	}}, nil
}

// stream is one client's stream of events.
type stream struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	last  uint64 // revision of the last state sent
	every time.Duration
	// may reports whether the client may still see what is sent.
	may func() bool
	// newest holds the newest progress of each task that was not sent yet.
	newest map[string]job.Progress
}

// open sends the header. Proxies must not buffer or change what follows.
func (st *stream) open() {
	h := st.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	st.w.WriteHeader(http.StatusOK)
	st.newest = map[string]job.Progress{}
}

// run sends events until the job's final state is sent.
func (st *stream) run(ctx context.Context, drain <-chan struct{}, now job.Job, f *follower) error {
	beat, tick := time.NewTicker(st.every), time.NewTicker(progressEvery)
	defer beat.Stop()
	defer tick.Stop()
	final, err := st.state(now)
	for err == nil && !final {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-drain:
			return nil
		case j := <-f.states:
			final, err = st.state(j)
		case p := <-f.progress:
			st.newest[p.Task] = p
		case <-tick.C:
			err = st.progress()
		case <-beat.C:
			if !st.may() { // it is told so when it comes again
				return nil
			}
			err = st.send(": alive\n\n")
		}
	}
	return err
}

// state sends a state that is newer than the last one, and reports whether it is final.
func (st *stream) state(j job.Job) (final bool, err error) {
	if j.Revision <= st.last {
		return false, st.send("") // only the header, at once
	}
	data, err := json.Marshal(j.Shown())
	if err != nil {
		return false, fmt.Errorf("write state of job %s: %w", j.ID, err)
	}
	st.last = j.Revision
	return j.State.Final(), st.send(fmt.Sprintf("id: %d\nevent: state\ndata: %s\n\n", j.Revision, data))
}

// progress sends what came since the last time.
func (st *stream) progress() error {
	for task, p := range st.newest {
		delete(st.newest, task)
		data, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("write progress of job %s: %w", p.Job, err)
		}
		if err := st.send(fmt.Sprintf("event: progress\ndata: %s\n\n", data)); err != nil {
			return err
		}
	}
	return nil
}

// send writes text and flushes it, within writeTimeout.
func (st *stream) send(text string) error {
	if err := st.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("bound a write: %w", err)
	}
	if _, err := st.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	return st.rc.Flush()
}
