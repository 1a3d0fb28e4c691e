package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/faultpoint"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/source"
	"github.com/reweave/reweave/pkg/worker"
)

const (
	// hooksAtOnce is how many receivers are waited for at once, so that a slow one holds
	// up nobody else.
	hooksAtOnce = 8
	// hookTimeout is how long a receiver may take; the lease is kept meanwhile.
	hookTimeout = 15 * time.Second
)

// hookBus is where the events of ended jobs come from.
type hookBus interface {
	NextHook(ctx context.Context) (*natsq.Lease, error)
	AckWait() time.Duration
	Secret(ctx context.Context, jobID string) (job.Secret, error)
	DropSecret(ctx context.Context, jobID string) error
}

// hooks tells receivers of the ends of jobs, as Standard Webhooks has it. An event that
// its receiver doesn't take goes back to the queue for a while, and is given up after the
// last retry.
type hooks struct {
	bus     hookBus
	client  source.Getter
	retries []time.Duration
	log     *zap.Logger
	told    *prometheus.CounterVec
}

func newHooks(cfg Config, bus hookBus, log *zap.Logger, reg prometheus.Registerer) (*hooks, error) {
	client := source.GuardedClient()
	if cfg.WebhookPrivate {
		client = &http.Client{}
	}
	client.Timeout = hookTimeout
	// Not followed: who says where events go is who submitted the job.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h := &hooks{bus: bus, client: client, retries: cfg.WebhookRetries, log: log, told: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "reweave_api_webhooks_total", Help: "Attempts to tell the receiver of a job's end, by what came of them.",
	}, []string{"outcome"})}
	return h, reg.Register(h.told)
}

// run tells receivers until drain closes.
func (h *hooks) run(ctx context.Context, drain <-chan struct{}) error {
	return worker.Pool[*natsq.Lease]{Slots: hooksAtOnce, Next: h.bus.NextHook, Handle: h.handle}.Run(ctx, drain)
}

// handle tells the receiver of one event, and settles the lease. An event whose lease
// can't be settled comes again, with the same id.
func (h *hooks) handle(ctx context.Context, lease *natsq.Lease, _ func()) {
	var event struct {
		ID   string  `json:"id"`
		Data job.Job `json:"data"`
	}
	err := json.Unmarshal(lease.Data(), &event)
	hook := event.Data.Spec.Webhook
	if err != nil || hook == nil {
		h.settle(lease.JobID(), lease.Ack(ctx))
		return
	}
	stop := worker.Keep(ctx, lease, h.bus.AckWait(), nil)
	err = h.send(ctx, event.ID, lease, *hook)
	stop()
	faultpoint.Hit("webhook.after-send")
	switch {
	case err == nil:
		h.end(ctx, lease, "delivered")
	case ctx.Err() != nil:
		h.settle(lease.JobID(), lease.Return(context.WithoutCancel(ctx), 0))
	case lease.Delivered() > len(h.retries) || errors.Is(err, errGone) || errors.Is(err, errNoSecret):
		h.log.Warn("give up on a webhook", zap.String("job", lease.JobID()), zap.Int("attempts", lease.Delivered()), zap.Error(err))
		h.end(ctx, lease, "given-up")
	default:
		pause := h.retries[lease.Delivered()-1]
		h.log.Info("a webhook's receiver did not take an event", zap.String("job", lease.JobID()), zap.Duration("again_in", pause), zap.Error(err))
		h.told.WithLabelValues("retried").Inc()
		h.settle(lease.JobID(), lease.Return(ctx, pause))
	}
}

func (h *hooks) end(ctx context.Context, lease *natsq.Lease, outcome string) {
	h.told.WithLabelValues(outcome).Inc()
	h.settle(lease.JobID(), errors.Join(lease.Ack(ctx), h.bus.DropSecret(ctx, lease.JobID())))
}

func (h *hooks) settle(id string, err error) {
	if err != nil {
		h.log.Warn("settle a webhook", zap.String("job", id), zap.Error(err))
	}
}

var (
	errGone     = errors.New("the receiver says that it is gone")
	errNoSecret = errors.New("its secret is gone, and unsigned it is not sent")
)

// send posts the event once. Its errors don't tell the URL, which may hold a secret.
func (h *hooks) send(ctx context.Context, eventID string, lease *natsq.Lease, hook job.Webhook) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(lease.Data()))
	if err != nil {
		return errors.New("make the request: the URL can't be used")
	}
	// The parts of what is signed are parted by full stops, so an id has none.
	id, now := "msg_"+strings.ReplaceAll(eventID, ".", "_"), time.Now()
	req.Header.Set("Content-Type", "application/cloudevents+json")
	req.Header.Set("User-Agent", "Reweave")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	if hook.Signed {
		secret, serr := h.bus.Secret(ctx, lease.JobID())
		if serr != nil {
			return serr
		}
		key, ok := secret.Key()
		if !ok {
			return errNoSecret
		}
		req.Header.Set("Webhook-Signature", signature(key, id, now, lease.Data()))
	}
	res, err := h.client.Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if err != nil {
		return fmt.Errorf("post the event: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, 4096) // nothing in it counts
	switch {
	case res.StatusCode == http.StatusGone:
		return errGone
	case res.StatusCode < 200 || res.StatusCode > 299:
		return fmt.Errorf("post the event: the receiver answers %d", res.StatusCode)
	}
	return nil
}

// signature is version 1 of Standard Webhooks: HMAC-SHA256 of id, time and body.
func signature(key []byte, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// checkWebhook refuses what this server would not send to.
func (s *Server) checkWebhook(spec job.Spec) error {
	if spec.Webhook == nil || s.cfg.WebhookPrivate || strings.HasPrefix(spec.Webhook.URL, "https://") {
		return nil
	}
	return fault.Userf("invalid-webhook", "webhook.url", "events are sent by https alone", "use https://host/path")
}
