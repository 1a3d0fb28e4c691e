package natsq

import (
	"context"
	"time"

	"go.uber.org/zap"
)

const (
	// countEvery is how often the streams are counted, and checkEvery how often each is
	// looked for: one that was deleted beside others' new ones does not show in the count.
	countEvery = 2 * time.Second
	checkEvery = time.Minute
)

// heal sets JetStream up again after every reconnection, in case the server came back
// without its store, and whenever a stream is gone: somebody may have deleted it. Then it
// wakes everybody who waits. What a deleted stream held is lost; what is owed to it is
// sent again by those who sweep.
func (b *Bus) heal(ctx context.Context) {
	count := time.NewTicker(countEvery)
	defer count.Stop()
	had, checked := b.count(ctx), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.reconnected:
		case <-count.C:
			n := b.count(ctx)
			if n < 0 || n >= had && time.Since(checked) < checkEvery {
				had = max(had, n)
				continue
			}
			checked = time.Now()
			if b.whole(ctx) {
				had = n
				continue
			}
			b.log.Warn("streams or buckets are gone, making them anew")
		}
		if err := b.setup(ctx); err != nil && ctx.Err() == nil {
			b.log.Error("can't set up JetStream again", zap.Error(err))
		}
		had = b.count(ctx)
		b.forgetConsumers()
		b.endWatches()
		b.wake.fireAll()
	}
}

// count returns how many streams the account has, or -1 when the server does not tell.
func (b *Bus) count(ctx context.Context) int {
	ctx, cancel := bounded(ctx)
	defer cancel()
	info, err := b.js.AccountInfo(ctx)
	if err != nil {
		return -1
	}
	return info.Streams
}

// whole reports whether no stream is gone, as far as the server answers. Who may not make
// any does not look: another service does.
func (b *Bus) whole(ctx context.Context) bool {
	if b.cfg.Existing {
		return true
	}
	for _, name := range names() {
		if b.gone(ctx, name) {
			return false
		}
	}
	return true
}

func (b *Bus) gone(ctx context.Context, name string) bool {
	ctx, cancel := bounded(ctx)
	defer cancel()
	_, err := b.js.Stream(ctx, name)
	return missing(err)
}

// endWatches ends the watches of buckets. A watch follows sequence numbers, and those of
// a new bucket begin again: it would wait for what never comes.
func (b *Bus) endWatches() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.remade)
	b.remade = make(chan struct{})
}

func (b *Bus) untilRemade() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.remade
}
