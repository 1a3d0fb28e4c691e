package natsq

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// Bus is a connection to NATS with all streams and buckets in place.
type Bus struct {
	cfg Config
	log *zap.Logger
	nc  *nats.Conn
	js  jetstream.JetStream

	streams map[string]jetstream.Stream // by name; fixed after Connect

	jobs, requests, workers, encoders, slots, memory jetstream.KeyValue

	wake wakeups

	refused complaints

	mu        sync.Mutex
	consumers map[string]jetstream.Consumer // by durable name

	splitTurns, muxTurns, taskTurns, hookTurns turns

	remade chan struct{} // closed, and made anew, when streams were; under mu

	stop        context.CancelFunc
	reconnected chan struct{}
	done        sync.WaitGroup
}

// Connect reaches NATS and creates or updates every stream and bucket. It tries
// until ctx ends; once connected, the bus reconnects by itself for ever, and puts
// back streams that a server lost. The bus outlives ctx and is ended by
// [Bus.Close]. opts, such as nats.InProcessServer, are applied after those made of
// cfg.
func Connect(ctx context.Context, cfg Config, log *zap.Logger, opts ...nats.Option) (*Bus, error) {
	cfg = cfg.withDefaults()
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	b := &Bus{
		cfg: cfg, log: log, stop: stop,
		consumers:   map[string]jetstream.Consumer{},
		reconnected: make(chan struct{}, 1), remade: make(chan struct{}),
	}
	opts = append(append(cfg.options(log, &b.refused), nats.ReconnectHandler(b.onReconnect)), opts...)
	if err := b.open(ctx, opts); err != nil {
		stop()
		if b.nc != nil {
			b.nc.Close()
		}
		return nil, err
	}
	b.done.Go(func() { b.heal(life) })
	return b, nil
}

func (b *Bus) open(ctx context.Context, opts []nats.Option) (err error) {
	key := keyChange{path: b.cfg.NKey}
	if key.path != "" {
		opts = append(opts, nats.ReconnectToServer(key.choose))
	}
	if b.nc, err = dial(ctx, b.cfg.URL, b.log, opts); err != nil {
		return fmt.Errorf("connect to NATS: %w", err)
	}
	key.conn.Store(b.nc)
	if b.js, err = jetstream.New(b.nc); err != nil {
		return fmt.Errorf("open JetStream: %w", err)
	}
	if err := b.setup(ctx); err != nil {
		return fmt.Errorf("set up JetStream: %w", err)
	}
	_, err = b.nc.Subscribe("poke.>", func(m *nats.Msg) { b.wake.fire(m.Subject) })
	if err != nil {
		return fmt.Errorf("subscribe to pokes: %w", err)
	}
	return nil
}

// dial tries until it has a connection or ctx ends; it logs a reason once.
func dial(ctx context.Context, url string, log *zap.Logger, opts []nats.Option) (*nats.Conn, error) {
	said := ""
	for {
		nc, err := nats.Connect(url, opts...)
		if err == nil {
			return nc, nil
		}
		if err.Error() != said {
			said = err.Error()
			log.Warn("can't reach NATS, trying on", zap.Error(err))
		}
		if pause(ctx, 500*time.Millisecond) != nil {
			return nil, fmt.Errorf("%w (last: %w)", ctx.Err(), err)
		}
	}
}

// onReconnect is called by the client; it must not block.
func (b *Bus) onReconnect(nc *nats.Conn) {
	b.refused.forget()
	b.log.Info("reconnected to NATS", zap.String("server", nc.ConnectedServerName()))
	select {
	case b.reconnected <- struct{}{}:
	default: // one is pending already
	}
}

// Close ends the connection. Leases not yet settled go to other workers when
// their time is up.
func (b *Bus) Close() {
	b.stop()
	b.done.Wait()
	b.nc.Close()
}

// Check returns nil while the server is connected and its JetStream answers.
func (b *Bus) Check(ctx context.Context) error {
	if !b.nc.IsConnected() {
		return fmt.Errorf("check NATS: %s", b.nc.Status())
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	if _, err := b.js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("check JetStream: %w", err)
	}
	return nil
}

// Conn returns the connection beneath, for what the bus has no method for.
func (b *Bus) Conn() *nats.Conn { return b.nc }

// AckWait is how long a lease lasts without [Lease.Extend].
func (b *Bus) AckWait() time.Duration { return b.cfg.AckWait }

// pause waits for d, or returns ctx.Err() when ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
