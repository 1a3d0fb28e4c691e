package natsq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// askFor is how long the server may take to answer.
const askFor = 5 * time.Second

// errClosed says that the client ended a subscription without a reason.
var errClosed = errors.New("connection closed")

// errRemade says that a bucket may be another one than before.
var errRemade = errors.New("the bucket was set up again")

// bounded limits a question to the server. An answer lost with the connection never
// comes, so a caller's deadline, which may be hours away, is not enough.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, askFor)
}

// quiet wraps the error of a watch; a watch that ends because ctx did has none.
func quiet(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // that was asked for
	}
	if err == nil {
		err = errClosed
	}
	return fmt.Errorf("%s: %w", what, err)
}

// values returns all values of a bucket.
func values[T any](ctx context.Context, kv jetstream.KeyValue, decode func(jetstream.KeyValueEntry) (T, error)) ([]T, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	w, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, err
	}
	defer w.Stop() //nolint:errcheck // the connection is gone, or so is the watch
	all := []T{}
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case entry, ok := <-w.Updates():
			if !ok {
				return nil, errClosed
			}
			if entry == nil {
				return all, nil
			}
			v, err := decode(entry)
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
	}
}

// decodeEntry reads a value kept as JSON.
func decodeEntry[T any](e jetstream.KeyValueEntry) (T, error) {
	var v T
	if err := json.Unmarshal(e.Value(), &v); err != nil {
		return v, fmt.Errorf("decode %s: %w", e.Key(), err)
	}
	return v, nil
}

// last reads the latest message under a subject, as the stream's leader knows it.
func last[T any](ctx context.Context, s jetstream.Stream, subject string) (v T, found bool, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	m, err := s.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return v, false, nil
	}
	if err != nil {
		return v, false, err
	}
	if err := json.Unmarshal(m.Data, &v); err != nil {
		return v, false, fmt.Errorf("decode %s: %w", subject, err)
	}
	return v, true, nil
}

// all reads every message under a filter that the stream has now, in order.
func all[T any](ctx context.Context, s jetstream.Stream, filter string) ([]T, error) {
	asking, cancel := bounded(ctx)
	defer cancel()
	c, err := s.CreateConsumer(asking, jetstream.ConsumerConfig{
		FilterSubject: filter, AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverAllPolicy,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: 30 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	defer s.DeleteConsumer(context.WithoutCancel(ctx), c.CachedInfo().Name) //nolint:errcheck // it goes by itself after 30 s
	left := int(c.CachedInfo().NumPending)                                  //nolint:gosec // a count of messages
	out := make([]T, 0, left)
	for left > 0 {
		batch, err := fetch[T](ctx, c, min(left, 500))
		if err != nil {
			return nil, err
		}
		out = append(out, batch...)
		left -= len(batch)
	}
	return out, nil
}

// fetch reads the next n messages of a consumer that has as many.
func fetch[T any](ctx context.Context, c jetstream.Consumer, n int) ([]T, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	batch, err := c.Fetch(n, jetstream.FetchContext(ctx))
	if err != nil {
		return nil, err
	}
	out := make([]T, 0, n)
	for m := range batch.Messages() {
		var v T
		if err := json.Unmarshal(m.Data(), &v); err != nil {
			return nil, fmt.Errorf("decode %s: %w", m.Subject(), err)
		}
		out = append(out, v)
	}
	return out, batch.Error()
}
