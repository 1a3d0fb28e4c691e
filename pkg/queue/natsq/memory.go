package natsq

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reweave/reweave/pkg/queue"
)

// Peak returns what is known of the memory that a kind of encode takes, nothing where
// nobody has measured it yet.
func (b *Bus) Peak(ctx context.Context, kind string) (queue.Peak, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	e, err := b.memory.Get(ctx, kind)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return queue.Peak{}, nil
	} else if err != nil {
		return queue.Peak{}, fmt.Errorf("read memory of %s: %w", kind, err)
	}
	return decodeEntry[queue.Peak](e)
}

// Learn notes that an encode of a kind took so much memory. The most counts, and what was
// measured more than what was guessed.
func (b *Bus) Learn(ctx context.Context, kind string, p queue.Peak) error {
	return swap(ctx, b.memory, kind, func(known *queue.Peak) error {
		if known.Bytes >= p.Bytes && (p.Guessed || !known.Guessed) {
			return ErrUnchanged
		}
		*known = p
		return nil
	})
}
