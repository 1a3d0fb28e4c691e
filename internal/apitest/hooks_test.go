package apitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/services/api"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// call is one request that a receiver got.
type call struct {
	header http.Header
	body   []byte
}

// receiver is a webhook's receiver, which answers as a function says.
type receiver struct {
	url   string
	mu    sync.Mutex
	calls []call
}

func receive(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	rc := &receiver{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		rc.mu.Lock()
		rc.calls = append(rc.calls, call{r.Header.Clone(), body})
		n := len(rc.calls)
		rc.mu.Unlock()
		answer(n, w, r)
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	rc.url = s.URL
	return rc
}

func (rc *receiver) got() []call {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return append([]call{}, rc.calls...)
}

func status(code int) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// end submits a job with a webhook and ends it, as the muxer does.
func (r *running) end(t *testing.T, hook *job.Webhook) job.Job {
	t.Helper()
	j, err := r.client.Submit(t.Context(), job.Spec{Source: "s3://films/a.mov", Webhook: hook}, "")
	if err != nil {
		t.Fatal(err)
	}
	done, err := r.env.Bus.UpdateJob(t.Context(), j.ID, func(j *job.Job) error { j.State = job.Done; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := r.env.Bus.PublishEvent(t.Context(), done, job.EventDone); err != nil {
		t.Fatal(err)
	}
	return done
}

// logged is a log whose text a test can search.
type logged struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *logged) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.String(), text)
}

func (l *logged) logger() *zap.Logger {
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(l), zapcore.DebugLevel))
}

func TestWebhookIsRetriedAndSigned(t *testing.T) {
	rc := receive(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n < 3 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	var log logged
	env := testenv.Start(t)
	r := runOn(t.Context(), t, env, api.Config{WebhookPrivate: true, WebhookRetries: []time.Duration{time.Millisecond, time.Millisecond}}, log.logger())
	j := r.end(t, &job.Webhook{URL: rc.url + "/hook?key=inTheURL", Secret: hookSecret})
	testenv.Await(t, patience, "the third attempt", func() bool { return len(rc.got()) == 3 })
	check, err := webhooks.NewWebhook(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range rc.got() {
		if err := check.Verify(c.body, c.header); err != nil {
			t.Errorf("attempt %d: %v", i+1, err)
		}
		if err := check.Verify(append(c.body, ' '), c.header); err == nil {
			t.Error("a changed body is signed as well")
		}
		if c.header.Get("Webhook-Id") != "msg_"+j.ID+"_done" || c.header.Get("Content-Type") != "application/cloudevents+json" {
			t.Errorf("attempt %d: %v", i+1, c.header)
		}
		var event struct {
			Type string  `json:"type"`
			Data job.Job `json:"data"`
		}
		if err := json.Unmarshal(c.body, &event); err != nil || event.Type != job.EventDone || event.Data.ID != j.ID {
			t.Errorf("attempt %d: %s, %v", i+1, c.body, err)
		}
		if bytes.Contains(c.body, []byte("whsec_")) {
			t.Error("the secret is in the event")
		}
	}
	testenv.Await(t, patience, "the secret to be forgotten", func() bool {
		s, err := env.Bus.Secret(t.Context(), j.ID)
		return err == nil && s == ""
	})
	now, err := r.client.Job(t.Context(), j.ID)
	if err != nil || now.Spec.Webhook == nil || now.Spec.Webhook.Secret != "" || !now.Spec.Webhook.Signed {
		t.Errorf("the job tells of its webhook %+v, %v", now.Spec.Webhook, err)
	}
	if !log.has("did not take an event") || log.has("whsec_") || log.has("MfKQ9r") || log.has("inTheURL") {
		t.Errorf("the log: %s", log.String())
	}
}

// What still has to be sent outlives the api.
func TestWebhookOutlivesTheService(t *testing.T) {
	rc := receive(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	env := testenv.Start(t)
	cfg := api.Config{WebhookPrivate: true, WebhookRetries: []time.Duration{time.Second, time.Second}}
	first := runOn(t.Context(), t, env, cfg, env.Log)
	first.end(t, &job.Webhook{URL: rc.url, Secret: hookSecret})
	testenv.Await(t, patience, "the first attempt", func() bool { return len(rc.got()) == 1 })
	close(first.drain)
	first.over(t)
	second := runOn(t.Context(), t, env, cfg, env.Log)
	testenv.Await(t, patience, "the second attempt", func() bool { return len(rc.got()) == 2 })
	close(second.drain)
	second.over(t)
	if got := rc.got(); got[0].header.Get("Webhook-Id") != got[1].header.Get("Webhook-Id") {
		t.Error("the attempts have different ids")
	}
}

func TestSlowReceiverHoldsUpNobody(t *testing.T) {
	free := make(chan struct{})
	slow := receive(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
		select {
		case <-free:
		case <-r.Context().Done():
		}
	})
	quick := receive(t, status(http.StatusNoContent))
	env := testenv.Start(t)
	r := runOn(t.Context(), t, env, api.Config{WebhookPrivate: true}, env.Log)
	r.end(t, &job.Webhook{URL: slow.url})
	testenv.Await(t, patience, "the slow one to be asked", func() bool { return len(slow.got()) == 1 })
	r.end(t, &job.Webhook{URL: quick.url})
	testenv.Await(t, patience, "the quick one to be told", func() bool { return len(quick.got()) == 1 })
	close(free)
	if sig := quick.got()[0].header.Get("Webhook-Signature"); sig != "" {
		t.Errorf("without a secret it is signed: %s", sig)
	}
}

func TestRedirectsOfWebhooksAreNotFollowed(t *testing.T) {
	canary := receive(t, status(http.StatusOK))
	for _, to := range []string{"http://169.254.169.254/latest/meta-data/", canary.url} {
		rc := receive(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
		var log logged
		r := runOn(t.Context(), t, testenv.Start(t), api.Config{WebhookPrivate: true}, log.logger())
		r.end(t, &job.Webhook{URL: rc.url, Secret: hookSecret})
		testenv.Await(t, patience, "the event to be given up", func() bool { return log.has("give up on a webhook") })
		if !log.has("the receiver answers 307") || len(rc.got()) != 1 || len(canary.got()) != 0 {
			t.Errorf("%d and %d requests: %s", len(rc.got()), len(canary.got()), log.String())
		}
	}
}

func TestWebhooksReachPublicAddressesAlone(t *testing.T) {
	inside := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a server on this machine was asked") }))
	defer inside.Close()
	var log logged
	r := runOn(t.Context(), t, testenv.Start(t), api.Config{}, log.logger())
	r.end(t, &job.Webhook{URL: inside.URL, Secret: hookSecret})
	testenv.Await(t, patience, "the event to be given up", func() bool { return log.has("give up on a webhook") })
	if !log.has("it is not at a public address") {
		t.Errorf("the log: %s", log.String())
	}
}

func TestMistakesInWebhooks(t *testing.T) {
	f := start(t, api.Config{})
	for hook, field := range map[string]string{
		`{"url":"http://receiver.example/"}`:                               "body.webhook.url",
		`{"url":"https://user:pass@receiver.example/"}`:                    "body.webhook.url",
		`{"url":"file:///etc/passwd"}`:                                     "body.webhook.url",
		`{"url":"https://receiver.example/","secret":"notOfTheRightForm"}`: "body.webhook.secret",
	} {
		p := f.refused(http.StatusUnprocessableEntity, "invalid-webhook", http.MethodPost, "/v1/jobs", `{"source":"s3://films/a.mov","webhook":`+hook+`}`)
		if len(p.Errors) != 1 || p.Errors[0].Location != field || strings.Contains(p.Detail, "notOfTheRightForm") || strings.Contains(p.Detail, "pass") {
			t.Errorf("%s: %+v", hook, p)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	s := job.Secret(hookSecret)
	e := fault.Userf("x", "", "y", "")
	e.Err = errors.New(s.String())
	var log logged
	log.logger().Info("x", zap.Any("spec", s), zap.Stringer("secret", s), zap.Error(e))
	if _, ok := s.Key(); !ok || log.has("MfKQ") || strings.Contains(s.String()+s.GoString(), "M") {
		t.Errorf("shown as %s", s)
	}
}
