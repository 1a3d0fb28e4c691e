package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/reweave/reweave/pkg/job"
)

// receiver gets webhooks and answers them badly.
type receiver struct {
	srv    *http.Server
	url    string
	answer func(n int, w http.ResponseWriter, r *http.Request)

	mu    sync.Mutex
	calls []call
}

// call is one request that a receiver got.
type call struct{ id, event, job string }

func receive(answer func(n int, w http.ResponseWriter, r *http.Request)) (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	rc := &receiver{answer: answer, url: "http://" + l.Addr().String() + "/hook"}
	rc.srv = &http.Server{Handler: rc, ReadHeaderTimeout: time.Minute}
	go func() { _ = rc.srv.Serve(l) }()
	return rc, nil
}

// ServeHTTP implements [http.Handler].
func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var event struct{ Type, Subject string }
	if err != nil || json.Unmarshal(body, &event) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	rc.mu.Lock()
	rc.calls = append(rc.calls, call{r.Header.Get("Webhook-Id"), event.Type, event.Subject})
	n := len(rc.calls)
	rc.mu.Unlock()
	rc.answer(n, w, r)
}

func (rc *receiver) got() []call {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return slices.Clone(rc.calls)
}

func status(code int) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// silent does not answer the first call until its client gives up.
func silent(call int, _ http.ResponseWriter, r *http.Request) {
	if call == 1 {
		<-r.Context().Done()
	}
}

// redirecting points to where a cloud's machines ask for their credentials.
func redirecting(_ int, w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusTemporaryRedirect)
}

// failing fails n times before it takes an event.
func failing(n int) func(int, http.ResponseWriter, *http.Request) {
	return func(call int, w http.ResponseWriter, _ *http.Request) {
		if call <= n {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
}

// badReceivers runs a job for each kind of bad receiver, and none is held up.
func badReceivers(ctx context.Context, h *harness, r *row) error {
	w, err := h.hookWorld(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	for _, c := range []struct {
		name   string
		answer func(int, http.ResponseWriter, *http.Request)
		calls  int // until it took the event, or was given up
	}{
		{"failing twice", failing(2), 3},
		{"failing for ever", failing(1000), 4},
		{"slow: it does not answer at first", silent, 2},
		{"redirecting to the inside", redirecting, 4},
	} {
		if err := w.hook(ctx, r, c.answer, c.calls); err != nil {
			return fmt.Errorf("a receiver %s: %w", c.name, err)
		}
	}
	return nil
}

// hookWorld sends webhooks to this machine, four times each.
func (h *harness) hookWorld(ctx context.Context) (*world, error) {
	return h.newWorld(ctx, fleet{
		api: 1, splitter: 1, muxer: 1, encoder: 2,
		env: map[string][]string{"api": {"REWEAVE_API_WEBHOOK_PRIVATE=true", "REWEAVE_API_WEBHOOK_RETRIES=100ms,100ms,100ms"}},
	})
}

// hook runs a job whose end a receiver is told, and waits until it was told so often. All
// its calls have one id, and are about this job's end.
func (w *world) hook(ctx context.Context, r *row, answer func(int, http.ResponseWriter, *http.Request), calls int) error {
	rc, err := receive(answer)
	if err != nil {
		return err
	}
	defer rc.srv.Close()
	id, err := w.submitHook(ctx, rc.url)
	if err != nil {
		return err
	}
	if err := errors.Join(w.finish(ctx, id), w.intact(ctx, w.h.short, id), w.count(r, id)); err != nil {
		return err
	}
	if err := await(ctx, jobLimit, fmt.Sprintf("%d calls", calls), func() (bool, error) { return len(rc.got()) >= calls, w.revive() }); err != nil {
		return fmt.Errorf("%w; got %v", err, rc.got())
	}
	// Another one would have come within two leases, the longest pause there is.
	if err := rest(ctx, 2*lease); err != nil {
		return err
	}
	got := rc.got()
	r.times += len(got)
	if len(got) != calls {
		return fmt.Errorf("the receiver was asked %d times, want %d", len(got), calls)
	}
	for _, c := range got {
		if c != got[0] || c.id == "" || c.event != job.EventDone || c.job != id {
			return fmt.Errorf("the calls differ, or are not of the job's end: %+v", got)
		}
	}
	return nil
}

func (w *world) submitHook(ctx context.Context, url string) (string, error) {
	spec, err := w.upload(ctx, w.h.short)
	if err != nil {
		return "", err
	}
	spec.Webhook = &job.Webhook{URL: url}
	j, err := w.api.Submit(ctx, spec, "")
	return j.ID, err
}

// replayHook kills the api behind a receiver's answer, before it could take note: the
// receiver is told again, and knows it by the id.
func replayHook(ctx context.Context, h *harness, r *row) error {
	w, err := h.hookWorld(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	if _, err := w.arm(ctx, "api0", "webhook.after-send"); err != nil {
		return err
	}
	w.services["api0"].proc.ended.Store(false) // it is to be started again
	return w.hook(ctx, r, status(http.StatusOK), 2)
}

// innerHook gives addresses of the inside for receivers to an api that may not reach
// them: one names it, one is redirected there. Nothing is sent, and no job is held up.
func innerHook(ctx context.Context, h *harness, r *row) error {
	w, err := h.newWorld(ctx, fleet{
		api: 1, splitter: 1, muxer: 1, encoder: 2, env: map[string][]string{"api": {"REWEAVE_API_WEBHOOK_RETRIES=100ms"}},
	})
	if err != nil {
		return err
	}
	defer w.end()
	if _, err := w.submitHook(ctx, "http://169.254.169.254/latest"); err == nil {
		return errors.New("a receiver without TLS was taken")
	}
	for _, url := range []string{"https://169.254.169.254/latest", "https://[fe80::1]/", "https://127.0.0.1:1/"} {
		id, err := w.submitHook(ctx, url)
		if err != nil {
			return err
		}
		r.times++
		if err := errors.Join(w.finish(ctx, id), w.intact(ctx, h.short, id), w.gaveUp(ctx, id)); err != nil {
			return fmt.Errorf("%s: %w", url, err)
		}
	}
	return nil
}

// gaveUp waits until the api has given up on a job's webhook because of its address.
func (w *world) gaveUp(ctx context.Context, id string) error {
	return await(ctx, jobLimit, "the end of the webhook", func() (bool, error) {
		log, err := os.ReadFile(filepath.Join(w.dir, "log", "api0.log"))
		for line := range bytes.Lines(log) {
			if bytes.Contains(line, []byte("give up on a webhook")) && bytes.Contains(line, []byte(id)) && bytes.Contains(line, []byte("not at a public address")) {
				return true, err
			}
		}
		return false, err
	})
}
