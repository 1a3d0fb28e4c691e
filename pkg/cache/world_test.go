package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/reweave/reweave/pkg/store"
)

// world is all that jobs and evictions share, as values that every reader sees as they were
// written last, which is what JetStream's leaders and S3 are. Each access waits until the
// schedule lets it: so a run is one order of all steps, and nothing happens by chance.
type world struct {
	gate     []string
	revision uint64
	claims   map[string]map[string]bool // chunk, job
	ended    map[string]bool            // jobs
	objects  map[string]string          // of the store
	meta     map[string]map[string]string

	needs  map[string]map[string]bool // what a running job or a pin was told is there: who, chunk
	wrong  []string
	actors []*actor
}

// actor is one job, one eviction, one person who pins.
type actor struct {
	w       *world
	name    string
	next    chan struct{}
	waits   bool // for the schedule
	done    bool
	dies    int // at this step, never when 0
	steps   int
	torn    bool // its deletions are told to have failed, and happen later
	removed int
}

type actorKey struct{}

func (a *actor) step() {
	a.waits = true
	<-a.next
	if a.steps++; a.steps == a.dies {
		runtime.Goexit()
	}
}

func of(ctx context.Context) *actor { return ctx.Value(actorKey{}).(*actor) }

func newWorld(chunks ...string) *world {
	w := &world{
		claims: map[string]map[string]bool{}, ended: map[string]bool{}, objects: map[string]string{},
		meta: map[string]map[string]string{}, needs: map[string]map[string]bool{},
	}
	for _, key := range chunks {
		w.objects[store.ChunkKey(key)] = "chunk"
	}
	return w
}

// start lets somebody act, from the first step that the schedule gives it.
func (w *world) start(name string, act func(ctx context.Context) error) *actor {
	a := &actor{w: w, name: name, next: make(chan struct{})}
	w.actors = append(w.actors, a)
	ctx := context.WithValue(context.Background(), actorKey{}, a)
	go func() {
		defer func() { a.done = true }()
		a.step()
		if err := act(ctx); err != nil {
			w.fail("%s: %v", name, err)
		}
	}()
	return a
}

func (w *world) fail(format string, args ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// run lets all act to their ends, in the order that choose gives: one of n who could.
// Time goes on when nobody could, since all wait for it.
func (w *world) run(choose func(n int) int) {
	for {
		synctest.Wait()
		var can []*actor
		left := false
		for _, a := range w.actors {
			left = left || !a.done
			if a.waits && !a.done {
				can = append(can, a)
			}
		}
		switch {
		case !left:
			return
		case len(can) == 0:
			<-time.After(10 * time.Millisecond)
		default:
			a := can[choose(len(can))]
			a.waits = false
			a.next <- struct{}{}
		}
	}
}

// need notes that somebody was told that a chunk is there, and relies on it.
func (w *world) need(who, key string) {
	if w.needs[who] == nil {
		w.needs[who] = map[string]bool{}
	}
	w.needs[who][key] = true
}

func (w *world) Claim(ctx context.Context, jobID, key string) error {
	of(ctx).step()
	if w.claims[key] == nil {
		w.claims[key] = map[string]bool{}
	}
	w.claims[key][jobID] = true
	return nil
}

func (w *world) ClaimAll(ctx context.Context, jobID string, keys []string) error {
	of(ctx).step()
	for _, key := range keys {
		if w.claims[key] == nil {
			w.claims[key] = map[string]bool{}
		}
		w.claims[key][jobID] = true
	}
	return nil
}

func (w *world) Condemned(ctx context.Context) ([]string, uint64, error) {
	of(ctx).step()
	return slices.Clone(w.gate), w.revision, nil
}

func (w *world) Condemn(ctx context.Context, keys []string, revision uint64) (uint64, bool, error) {
	of(ctx).step()
	if w.revision != revision {
		return 0, false, nil
	}
	w.gate, w.revision = slices.Clone(keys), w.revision+1
	return w.revision, true, nil
}

// Claimed reads chunk after chunk: between two of them others act.
func (w *world) Claimed(ctx context.Context, keys []string) (map[string]bool, error) {
	some := keys
	if keys == nil { // a hint
		some = slices.Collect(maps.Keys(w.claims))
	}
	got := map[string]bool{}
	for _, key := range some {
		if keys != nil {
			of(ctx).step()
		}
		for id := range w.claims[key] {
			got[key] = got[key] || !w.ended[id]
		}
	}
	return got, nil
}

var errLost = errors.New("the answer was lost")

func (w *world) Delete(ctx context.Context, keys ...string) error {
	a := of(ctx)
	if a.torn { // S3 does it in a moment, whatever becomes of who asked for it
		w.start(a.name+"'s request", func(context.Context) error { w.remove(a, keys); return nil })
		return errLost
	}
	for _, key := range keys {
		a.step()
		w.remove(a, []string{key})
	}
	return nil
}

func (w *world) remove(a *actor, keys []string) {
	for _, key := range keys {
		for who, needs := range w.needs {
			if needs[key[strings.LastIndexByte(key, '/')+1:]] {
				w.fail("%s deletes %s, which %s needs", a.name, key, who)
			}
		}
		if _, there := w.objects[key]; there {
			delete(w.objects, key)
			a.removed++
		}
	}
}

func (w *world) Put(ctx context.Context, key string, r io.Reader, _ int64, meta map[string]string) error {
	of(ctx).step()
	b, err := io.ReadAll(r)
	w.objects[key], w.meta[key] = string(b), meta
	return err
}

func (w *world) Get(_ context.Context, key string) (io.ReadCloser, store.Info, error) {
	b, there := w.objects[key]
	if !there {
		return nil, store.Info{}, store.ErrNotFound
	}
	return io.NopCloser(strings.NewReader(b)), store.Info{Key: key, Meta: w.meta[key]}, nil
}

func (w *world) GetRange(context.Context, string, int64, int64) (io.ReadCloser, error) {
	return nil, errors.ErrUnsupported
}

func (w *world) Stat(ctx context.Context, key string) (store.Info, error) {
	of(ctx).step()
	if _, there := w.objects[key]; !there {
		return store.Info{}, store.ErrNotFound
	}
	return store.Info{Key: key, Size: 5, Meta: w.meta[key]}, nil
}

// List takes a step where what it tells decides what goes. What an eviction looks through
// first only proposes.
func (w *world) List(ctx context.Context, prefix string) iter.Seq2[store.Info, error] {
	if prefix == store.PinKey("") && len(w.gate) > 0 {
		of(ctx).step()
	}
	var found []store.Info
	for _, key := range slices.Sorted(maps.Keys(w.objects)) {
		if strings.HasPrefix(key, prefix) {
			found = append(found, store.Info{Key: key, Size: 5, Meta: w.meta[key]})
		}
	}
	return func(yield func(store.Info, error) bool) {
		for _, info := range found {
			if !yield(info, nil) {
				return
			}
		}
	}
}
