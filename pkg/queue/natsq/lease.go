package natsq

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reweave/reweave/pkg/queue"
)

// Lease is the right to work on one message for [Bus.AckWait], to be extended by
// Extend and settled by one of Ack, Return and Drop. No error of these proves that
// the lease was still held.
type Lease struct {
	bus       *Bus
	msg       jetstream.Msg
	job       string
	task      queue.Task
	delivered int
}

func newLease(b *Bus, m jetstream.Msg) (*Lease, error) {
	meta, err := m.Metadata()
	if err != nil {
		return nil, fmt.Errorf("read metadata of %s: %w", m.Subject(), err)
	}
	l := &Lease{bus: b, msg: m, delivered: int(meta.NumDelivered)} //nolint:gosec // a count
	parts := strings.Split(m.Subject(), ".")
	if parts[0] == "evt" {
		l.job = parts[1]
		return l, nil
	}
	if parts[0] != "seg" {
		l.job = parts[len(parts)-1]
		return l, nil
	}
	if err := json.Unmarshal(m.Data(), &l.task); err != nil {
		return l, fmt.Errorf("decode %s: %w", m.Subject(), err)
	}
	l.job = l.task.Job
	return l, nil
}

// JobID is the job that the message is about.
func (l *Lease) JobID() string { return l.job }

// Data is the message itself.
func (l *Lease) Data() []byte { return l.msg.Data() }

// Task is the task to do; the zero Task for a split or a mux.
func (l *Lease) Task() queue.Task { return l.task }

// Delivered counts how often the message was handed out, this time included. Both
// crashes and orderly returns count.
func (l *Lease) Delivered() int { return l.delivered }

// Extend starts the lease's time anew. Call it when the work got on, at least every
// third of [Bus.AckWait].
func (l *Lease) Extend(context.Context) error {
	return wrap(l.msg.InProgress(), "extend lease on %s", l.msg.Subject())
}

// Ack removes the message: the work is done and committed. It returns when the
// server has taken note; after an error the message may be handed out again.
func (l *Lease) Ack(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return wrap(l.msg.DoubleAck(ctx), "acknowledge %s", l.msg.Subject())
}

// Return hands the message back for another try after delay (0: at once).
func (l *Lease) Return(ctx context.Context, delay time.Duration) error {
	if err := l.msg.NakWithDelay(delay); err != nil {
		return fmt.Errorf("return %s: %w", l.msg.Subject(), err)
	}
	if delay <= 0 {
		l.bus.poke(l.pokeSubject())
	}
	return wrap(l.flush(ctx), "return %s", l.msg.Subject())
}

// Drop removes the message though its work is not done: it can't be, or isn't wanted
// any more.
func (l *Lease) Drop(ctx context.Context, reason string) error {
	if err := l.msg.TermWithReason(reason); err != nil {
		return fmt.Errorf("drop %s: %w", l.msg.Subject(), err)
	}
	return wrap(l.flush(ctx), "drop %s", l.msg.Subject())
}

// flush waits until the server has read what was sent: a process that ends next has
// handed its work back.
func (l *Lease) flush(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return l.bus.nc.FlushWithContext(ctx)
}

func (l *Lease) pokeSubject() string {
	parts := strings.Split(l.msg.Subject(), ".")
	if parts[0] == "seg" {
		return "poke.seg." + parts[2]
	}
	return "poke." + parts[0]
}
