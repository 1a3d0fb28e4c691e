package natsq

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reweave/reweave/pkg/queue"
)

// Announce tells that a worker lives. It is forgotten when [Bus.AckWait] has passed, as
// its leases are: announce it again in a third of that.
func (b *Bus) Announce(ctx context.Context, w queue.Worker) error {
	return wrap(put(ctx, b.workers, w.ID, w), "announce worker %s", w.ID)
}

// Retire tells that a worker is gone. A worker that is not known is no error.
func (b *Bus) Retire(ctx context.Context, workerID string) error {
	if !keyRE.MatchString(workerID) {
		return nil
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	err := b.workers.Delete(ctx, workerID)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil
	}
	return wrap(err, "retire worker %s", workerID)
}

// Workers returns the workers that live, in the order of their ids.
func (b *Bus) Workers(ctx context.Context) ([]queue.Worker, error) {
	ws, err := values(ctx, b.workers, decodeEntry[queue.Worker])
	slices.SortFunc(ws, func(x, y queue.Worker) int { return cmp.Compare(x.ID, y.ID) })
	return ws, wrap(err, "list workers")
}

// AnnounceEncoder tells that an encoder build exists. It is kept for ever.
func (b *Bus) AnnounceEncoder(ctx context.Context, e queue.Encoder) error {
	if err := checkBuild(e.Build); err != nil {
		return err
	}
	return wrap(put(ctx, b.encoders, e.Name+"."+e.Build, e), "announce encoder %s", e.Name)
}

// RecallEncoder announces an encoder build that is not known any more. One that is known
// keeps its place among the others.
func (b *Bus) RecallEncoder(ctx context.Context, e queue.Encoder) error {
	_, revision, err := valueOf[queue.Encoder](ctx, b.encoders, e.Name+"."+e.Build)
	if err != nil || revision > 0 {
		return wrap(err, "recall encoder %s", e.Name)
	}
	return b.AnnounceEncoder(ctx, e)
}

// Encoders returns the encoder builds ever announced, the latest announced first: as the
// server took them, whatever the workers' clocks say.
func (b *Bus) Encoders(ctx context.Context) ([]queue.Encoder, error) {
	type entry struct {
		queue.Encoder
		revision uint64
	}
	list, err := values(ctx, b.encoders, func(e jetstream.KeyValueEntry) (entry, error) {
		v, err := decodeEntry[queue.Encoder](e)
		return entry{v, e.Revision()}, err
	})
	slices.SortFunc(list, func(x, y entry) int { return cmp.Compare(y.revision, x.revision) })
	es := make([]queue.Encoder, len(list))
	for i, e := range list {
		es[i] = e.Encoder
	}
	return es, wrap(err, "list encoders")
}

func put(ctx context.Context, kv jetstream.KeyValue, key string, v any) error {
	if !keyRE.MatchString(key) {
		return fmt.Errorf("check key %q: not a plain key", key)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	_, err = kv.Put(ctx, key, data)
	return err
}
