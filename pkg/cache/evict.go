package cache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/reweave/reweave/pkg/store"
)

// Bus is what those who evict need to know of jobs, and where they say what goes.
type Bus interface {
	Gate
	// Condemn says which chunks are about to be deleted, none for the end of it. It reports
	// whether that counts: not where another one changed it since revision.
	Condemn(ctx context.Context, keys []string, revision uint64) (now uint64, won bool, err error)
	// Claimed returns which of the chunks the jobs need that have not ended, with every claim
	// that was written before the call; of all chunks, as a hint, when keys is nil.
	Claimed(ctx context.Context, keys []string) (map[string]bool, error)
}

// Keeper looks after the chunks of a store. Any number of them may do so at once.
//
// Who evicts condemns chunks first, then looks who has claimed or pinned them, then deletes
// what nobody has, and then ends the condemnation. Who needs a chunk claims it first, then
// waits until it is not condemned, and then looks whether it is there. So of two that meet,
// either the one who evicts sees the claim, or the other one waits: what a job has seen is
// not deleted. docs/reliability.md has the proof and what it rests on.
type Keeper struct {
	bus   Bus
	store store.Store
	wait  waiter
}

// New returns a Keeper.
func New(bus Bus, st store.Store) *Keeper {
	return &Keeper{bus: bus, store: st, wait: waiter{gate: bus}}
}

// batch is how many chunks are condemned at once: what is deleted in a moment, and a small
// message.
const batch = 100

// rounds bounds how often the store is looked through for one eviction.
const rounds = 10

// Evict deletes the chunks that were used the longest time ago until the others take limit
// bytes at most, as far as those allow it that are pinned or that running jobs need; dry
// only tells which. Where jobs claim some of them meanwhile others go instead.
func (k *Keeper) Evict(ctx context.Context, limit int64, dry bool) (Evicted, error) {
	e := Evicted{Chunks: []Chunk{}}
	for range rounds {
		c, err := Scan(ctx, k.store)
		if err != nil {
			return e, err
		}
		claimed, err := k.bus.Claimed(ctx, nil)
		if err != nil {
			return e, err
		}
		victims := c.Victims(limit, claimed)
		gone := victims
		if !dry {
			gone, err = k.delete(ctx, victims, nil)
		}
		e.add(gone, c.Bytes())
		if err != nil || len(gone) == len(victims) {
			return e, err
		}
	}
	return e, nil
}

// add adds chunks that went, of what took so many bytes before.
func (e *Evicted) add(gone []Chunk, before int64) {
	e.Chunks = append(e.Chunks, gone...)
	e.Left = before
	for _, ch := range gone {
		e.Bytes += ch.Bytes
		e.Left -= ch.Bytes
	}
}

// delete deletes those of the chunks that nobody claims or has pinned. Where they go because
// they are damaged a pin doesn't count, and unless is asked of each whether it was made anew.
func (k *Keeper) delete(ctx context.Context, chunks []Chunk, unless func(context.Context, Chunk) (bool, error)) (gone []Chunk, err error) {
	for some := range slices.Chunk(chunks, batch) {
		deleted, err := k.deleteSome(ctx, some, unless)
		gone = append(gone, deleted...)
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}

func (k *Keeper) deleteSome(ctx context.Context, chunks []Chunk, unless func(context.Context, Chunk) (bool, error)) ([]Chunk, error) {
	keys := make([]string, len(chunks))
	for i, ch := range chunks {
		keys[i] = ch.Key
	}
	ctx, cancel, revision, err := k.condemn(ctx, keys)
	if err != nil {
		return nil, err
	}
	defer cancel()
	free, err := k.free(ctx, chunks, unless)
	if err == nil && len(free) > 0 {
		objects := make([]string, len(free))
		for i, ch := range free {
			objects[i] = store.ChunkKey(ch.Key)
		}
		if err := k.store.Delete(ctx, objects...); err != nil {
			// It may happen still, so they stay condemned for as long as anybody waits for it.
			return nil, fmt.Errorf("evict chunks: %w", err)
		}
	}
	// Where another one took over it changes nothing.
	_, _, aerr := k.bus.Condemn(context.WithoutCancel(ctx), nil, revision)
	return free, errors.Join(err, aerr)
}

// condemn says that chunks are about to be deleted, as soon as no other eviction goes on,
// and bounds the time for that by a context.
func (k *Keeper) condemn(ctx context.Context, keys []string) (context.Context, context.CancelFunc, uint64, error) {
	for {
		revision, err := k.wait.until(ctx, func(condemned []string) bool { return len(condemned) == 0 })
		if err != nil {
			return nil, nil, 0, err
		}
		short, cancel := context.WithTimeout(ctx, deleteFor)
		revision, won, err := k.bus.Condemn(short, keys, revision)
		if err == nil && won {
			return short, cancel, revision, nil
		}
		cancel()
		if err != nil {
			return nil, nil, 0, err
		}
	}
}

// free returns those of the condemned chunks that may go.
func (k *Keeper) free(ctx context.Context, chunks []Chunk, unless func(context.Context, Chunk) (bool, error)) (free []Chunk, err error) {
	keys := make([]string, len(chunks))
	for i, ch := range chunks {
		keys[i] = ch.Key
	}
	claimed, err := k.bus.Claimed(ctx, keys)
	if err != nil {
		return nil, err
	}
	if unless == nil { // what is damaged is of no use to a pin
		_, pinned, err := pins(ctx, k.store)
		if err != nil {
			return nil, err
		}
		maps.Copy(claimed, pinned)
	}
	for _, ch := range chunks {
		if claimed[ch.Key] {
			continue
		}
		if unless != nil {
			if stays, err := unless(ctx, ch); err != nil {
				return nil, err
			} else if stays {
				continue
			}
		}
		free = append(free, ch)
	}
	return free, nil
}
