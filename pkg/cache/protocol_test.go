package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/cache"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/store"
)

// job starts a job that needs chunks: it claims each, looks, makes what it doesn't find, and
// puts its deliverable together in the end. With all it claims them at once, before.
func (w *world) job(name string, all bool, keys ...string) {
	w.start(name, func(ctx context.Context) error {
		claims := cache.NewClaimer(w)
		if all {
			if err := claims.Claim(ctx, name, keys...); err != nil {
				return err
			}
		}
		for _, key := range keys {
			if !all {
				if err := claims.Claim(ctx, name, key); err != nil {
					return err
				}
			}
			if _, err := w.Stat(ctx, store.ChunkKey(key)); errors.Is(err, store.ErrNotFound) {
				of(ctx).step() // encoded
				w.objects[store.ChunkKey(key)] = "chunk"
			}
			w.need(name, key)
		}
		for _, key := range keys {
			if _, err := w.Stat(ctx, store.ChunkKey(key)); err != nil {
				return fmt.Errorf("mux: %w: %s", err, key)
			}
		}
		of(ctx).step()
		w.ended[name] = true
		delete(w.needs, name)
		return nil
	})
}

// evict starts an eviction of all that nobody needs.
func (w *world) evict(name string) *actor {
	return w.start(name, func(ctx context.Context) error {
		_, err := cache.New(w, w).Evict(ctx, 0, false)
		if of(ctx).torn && errors.Is(err, errLost) {
			return nil
		}
		return err
	})
}

// pin starts somebody who pins a deliverable that is made of chunks.
func (w *world) pin(t *testing.T, name string, keys ...string) {
	t.Helper()
	sum := strings.Repeat("d", 64)
	m := plan.Manifest{Version: plan.Version, SHA256: sum, Plan: &plan.Plan{Version: plan.Version, TimeBase: media.Rational{Num: 1, Den: 25}, End: int64(len(keys))}}
	for i, key := range keys {
		m.Chunks = append(m.Chunks, plan.ManifestChunk{Start: i, Frames: 1, Key: key})
		m.Plan.Segments = append(m.Plan.Segments, plan.Segment{Key: key, Times: plan.NewTimes([]int64{int64(i)})})
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	at := store.ManifestKey("", sum)
	digest, _, err := store.Digest(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	w.objects[at], w.meta[at] = string(b), map[string]string{"sha256": digest}
	w.start(name, func(ctx context.Context) error {
		d, err := cache.New(w, w).Pin(ctx, sum)
		if err != nil || d.Chunks != len(keys) || !d.Pinned {
			return fmt.Errorf("%+v: %w", d, err)
		}
		for _, key := range keys {
			if _, there := w.objects[store.ChunkKey(key)]; there && d.Lost == 0 {
				w.need(name, key)
			}
		}
		return nil
	})
}

// settle lets one more eviction run when all is over, and returns how many chunks are left.
func (w *world) settle() (left int) {
	w.evict("the last eviction")
	w.run(func(int) int { return 0 })
	for key := range w.objects {
		if strings.HasPrefix(key, "chunks/") {
			left++
		}
	}
	return left
}

// Every order of the steps of an eviction and of somebody who needs what it is to evict,
// one after the other.
func TestAnEvictionAndAJobInEveryOrder(t *testing.T) {
	for _, tc := range []struct {
		name   string
		torn   bool
		chunks []string
		beside func(w *world)
		left   int
	}{
		{"one chunk", false, []string{"aa"}, func(w *world) { w.job("the job", false, "aa") }, 0},
		{"two chunks at once", false, []string{"aa", "bb"}, func(w *world) { w.job("the job", true, "aa", "bb") }, 0},
		{"a deletion that is late", true, []string{"aa"}, func(w *world) { w.job("the job", false, "aa") }, 0},
		{"a pin", false, []string{"aa"}, func(w *world) { w.pin(t, "the pin", "aa") }, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // the steps change places millions of times
			synctest.Test(t, func(t *testing.T) {
				runs, evicted, kept := 0, 0, 0
				for path := []int{}; path != nil; runs++ {
					w := newWorld(tc.chunks...)
					tc.beside(w)
					e := w.evict("the eviction")
					e.torn = tc.torn
					var widths []int
					begun := time.Now() // by the clock of the bubble, which nobody reads but who waits
					path = walk(w, path, &widths)
					if left := w.settle(); len(w.wrong) > 0 || left > tc.left {
						t.Fatalf("in the order %v: %v; %d chunks are left", path, w.wrong, left)
					}
					if !tc.torn && time.Since(begun) > 5*time.Second {
						t.Fatalf("in the order %v somebody waits for %s, and nobody died", path, time.Since(begun))
					}
					if e.removed > 0 {
						evicted++
					} else {
						kept++
					}
					path = following(path, widths)
				}
				t.Logf("%d orders: in %d chunks were evicted", runs, evicted)
				if evicted == 0 || kept == 0 {
					t.Errorf("of %d orders %d evict and %d don't: they never meet", runs, evicted, kept)
				}
			})
		})
	}
}

// walk runs a world along a path of choices and, behind its end, by the first choice each
// time. It returns the whole path, and how many choices there were at each step.
func walk(w *world, path []int, widths *[]int) []int {
	path = append([]int{}, path...)
	w.run(func(n int) int {
		*widths = append(*widths, n)
		if len(path) < len(*widths) {
			path = append(path, 0)
		}
		return path[len(*widths)-1]
	})
	return path
}

// following returns the next path in the order of a search in depth, nil behind the last.
func following(path, widths []int) []int {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i]+1 < widths[i] {
			return append(append([]int{}, path[:i]...), path[i]+1)
		}
	}
	return nil
}

// Whoever acts beside whom, in whatever order, and whoever dies in the middle: nothing goes
// that a job has seen or a pin has promised, and all the rest goes in the end.
func TestJobsEvictionsAndPinsInAnyOrder(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	rapid.Check(t, func(rt *rapid.T) {
		chunks := []string{"aa", "bb", "ab", "cc"}[:rapid.IntRange(1, 4).Draw(rt, "chunks")]
		w := newWorld(chunks...)
		var starts []func()
		needs := rapid.SliceOfNDistinct(rapid.SampledFrom(chunks), 1, len(chunks), rapid.ID[string])
		for i := range rapid.IntRange(1, 3).Draw(rt, "jobs") {
			all, some := rapid.Bool().Draw(rt, "at once"), needs.Draw(rt, "needs")
			starts = append(starts, func() { w.job(fmt.Sprintf("job %d", i), all, some...) })
		}
		for i := range rapid.IntRange(1, 3).Draw(rt, "evictions") {
			torn, dies := rapid.IntRange(0, 3).Draw(rt, "torn") == 0, rapid.IntRange(0, 40).Draw(rt, "dies")
			starts = append(starts, func() {
				e := w.evict(fmt.Sprintf("eviction %d", i))
				e.torn, e.dies = torn, dies
			})
		}
		pinned := rapid.Bool().Draw(rt, "pinned")
		if pinned {
			starts = append(starts, func() { w.pin(t, "the pin", chunks[:1]...) })
		}
		order := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "order"), 0)) //nolint:gosec // the order of a test
		left := 0
		synctest.Test(t, func(*testing.T) {
			for _, start := range starts {
				start()
			}
			at := 0 // somebody goes on for a while, then another one
			w.run(func(n int) int {
				if at >= n || order.IntN(4) == 0 {
					at = order.IntN(n)
				}
				return at
			})
			left = w.settle()
		})
		if len(w.wrong) > 0 || !pinned && left != 0 || left > 1 {
			rt.Fatalf("%v; %d chunks are left", w.wrong, left)
		}
	})
}
