package natsq

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// consumer returns the durable consumer of a lane, and creates it when this bus has
// not yet used it. It has no limit to deliveries, as what tries too often is for the
// application to say: a message past the limit would be stranded in the stream.
func (b *Bus) consumer(ctx context.Context, ln lane) (jetstream.Consumer, error) {
	b.mu.Lock()
	c, ok := b.consumers[ln.durable]
	b.mu.Unlock()
	if ok {
		return c, nil
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	c, err := b.js.CreateOrUpdateConsumer(ctx, ln.stream, jetstream.ConsumerConfig{
		Durable: ln.durable, FilterSubject: ln.filter,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: b.cfg.AckWait,
		MaxDeliver: -1, MaxAckPending: 100_000, MaxWaiting: 10_000,
	})
	if code, ok := errors.AsType[*jetstream.APIError](err); ok && code.ErrorCode == jetstream.JSErrCodeConsumerCreate {
		c, err = b.asItIs(ctx, ln, err)
	}
	if err != nil {
		return nil, fmt.Errorf("create consumer %s: %w", ln.durable, err)
	}
	b.mu.Lock()
	b.consumers[ln.durable] = c
	b.mu.Unlock()
	return c, nil
}

// asItIs returns a consumer that could not be updated, as cause says. A server that deletes
// a consumer while the next one of its name is made may take that one's directory away with
// the old one's (nats-server 2.15). It serves on, but takes no update until it is restarted,
// with which it is forgotten. To delete it would end the leases of all who work.
func (b *Bus) asItIs(ctx context.Context, ln lane, cause error) (jetstream.Consumer, error) {
	c, err := b.js.Consumer(ctx, ln.stream, ln.durable)
	if err != nil {
		return nil, errors.Join(cause, err)
	}
	if wait := c.CachedInfo().Config.AckWait; wait != b.cfg.AckWait {
		return nil, fmt.Errorf("its leases last %s instead of %s; restart NATS: %w", wait, b.cfg.AckWait, cause)
	}
	b.log.Warn("a consumer can't be updated, taking it as it is", zap.String("consumer", ln.durable), zap.Error(cause))
	return c, nil
}

func (b *Bus) dropConsumer(durable string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.consumers, durable)
}

func (b *Bus) forgetConsumers() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.consumers)
}

// ResetLeases ends all leases, so that messages leased by a process that died are
// handed out at once. It is for a process that owns the whole server: other workers
// would lose what they work on. It deletes the consumers, which come back by
// themselves.
func (b *Bus) ResetLeases(ctx context.Context) error {
	for _, name := range []string{streamSplit, streamTask, streamMux} {
		if err := deleteConsumers(ctx, b.streams[name]); err != nil {
			return fmt.Errorf("reset leases of %s: %w", name, err)
		}
	}
	b.forgetConsumers()
	b.wake.fireAll()
	return nil
}

func deleteConsumers(ctx context.Context, s jetstream.Stream) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	lister := s.ConsumerNames(ctx)
	var names []string
	for name := range lister.Name() {
		names = append(names, name)
	}
	if err := lister.Err(); err != nil {
		return err
	}
	for _, name := range names {
		err := s.DeleteConsumer(ctx, name)
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return err
		}
	}
	return nil
}
