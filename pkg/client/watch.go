package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

const (
	// silence is how long a stream may say nothing, not even that it is alive (every
	// 15 s), before it counts as broken.
	silence = 45 * time.Second
	// reconnects is how often in a row the server may be away: about two minutes.
	reconnects = 30
	// longestEvent bounds the memory that one event takes.
	longestEvent = 8 << 20
)

// Watch follows a job until it is final and returns it then. onState is called with
// every state that is newer than the one before, onProgress with what the job tells
// on the way; either may be nil, and they are called one at a time. A connection
// that breaks is made again where it broke.
func (c *Client) Watch(ctx context.Context, id string, onState func(job.Job), onProgress func(job.Progress)) (job.Job, error) {
	w := &watch{client: c, id: id, onState: onState, onProgress: onProgress}
	for failures := 0; ; {
		before := w.events
		final, err := w.connect(ctx)
		switch {
		case final:
			return w.now, nil
		case ctx.Err() != nil:
			return w.now, fmt.Errorf("watch job %s: %w", id, ctx.Err())
		case err != nil && fault.Of(err) != fault.Retry:
			return w.now, err
		case w.events > before:
			failures = 0
		}
		if failures++; failures > reconnects {
			if err == nil {
				err = c.unreachable(io.ErrUnexpectedEOF)
			}
			return w.now, err
		}
		if wait(ctx, failures) != nil {
			return w.now, fmt.Errorf("watch job %s: %w", id, ctx.Err())
		}
	}
}

// watch is where a followed job stands, over all connections.
type watch struct {
	client     *Client
	id         string
	onState    func(job.Job)
	onProgress func(job.Progress)
	now        job.Job
	events     int
}

// connect follows the job over one connection, and reports whether it is final. An
// end without an error is the server's: it drains.
func (w *watch) connect(ctx context.Context) (final bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := request{method: http.MethodGet, path: jobPath(w.id, "/events"), header: http.Header{"Accept": {"text/event-stream"}}}
	if w.now.Revision > 0 {
		r.header.Set("Last-Event-ID", strconv.FormatUint(w.now.Revision, 10))
	}
	watchdog := time.AfterFunc(silence, cancel)
	defer watchdog.Stop()
	res, err := w.client.send(ctx, r)
	if err != nil {
		return false, err
	}
	defer func() { _ = res.Body.Close() }() // not drained: it may not end
	if res.StatusCode == http.StatusNoContent {
		w.now, err = w.client.Job(ctx, w.id)
		return err == nil && w.now.State.Final(), err
	}
	return w.read(res.Body, func() { watchdog.Reset(silence) })
}

// read reads events (WHATWG HTML, section 9.2.6) until the job is final or the stream
// ends. alive is called with every line.
func (w *watch) read(body io.Reader, alive func()) (final bool, err error) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, longestEvent)
	var kind, data string
	for lines.Scan() {
		alive()
		line := lines.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if final, err = w.event(kind, data); final || err != nil {
				return final, err
			}
			kind, data = "", ""
		case field == "event":
			kind = value
		case field == "data":
			data += value
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return false, fmt.Errorf("read events: %w", lines.Err())
	}
	if lines.Err() != nil {
		return false, w.client.unreachable(fmt.Errorf("read events: %w", lines.Err()))
	}
	return false, nil
}

func (w *watch) event(kind, data string) (final bool, err error) {
	switch kind {
	case "state":
		var j job.Job
		if err := json.Unmarshal([]byte(data), &j); err != nil {
			return false, fmt.Errorf("read state: %w", err)
		}
		w.events++
		if j.Revision <= w.now.Revision {
			return false, nil // from a replica that lags behind
		}
		w.now = j
		if w.onState != nil {
			w.onState(j)
		}
		return j.State.Final(), nil
	case "progress":
		var p job.Progress
		if err := json.Unmarshal([]byte(data), &p); err != nil {
			return false, fmt.Errorf("read progress: %w", err)
		}
		w.events++
		if w.onProgress != nil {
			w.onProgress(p)
		}
	}
	return false, nil
}
