package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/cache"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/store"
)

// watched notes what the services do with chunks, and holds the muxers back: so jobs run on
// for as long as a test wants.
type watched struct {
	mu     sync.Mutex
	seen   map[string]bool // what splitters found
	puts   map[string]int  // what encoders stored
	missed []string        // what muxers did not find
	muxing chan struct{}   // closed when a muxer begins
	let    chan struct{}   // closed to let it go on
}

// next forgets what was, and holds the muxers back from here on.
func (w *watched) next() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen, w.puts, w.missed = map[string]bool{}, map[string]int{}, nil
	w.muxing, w.let = make(chan struct{}), make(chan struct{})
}

func (w *watched) wrap(service string, st boot.Objects) boot.Objects {
	return &watchedStore{st, service, w}
}

type watchedStore struct {
	boot.Objects
	service string
	w       *watched
}

func (s *watchedStore) Stat(ctx context.Context, key string) (store.Info, error) {
	info, err := s.Objects.Stat(ctx, key)
	if err == nil && s.service == "splitter" && strings.HasPrefix(key, "chunks/") {
		s.w.mu.Lock()
		s.w.seen[path.Base(key)] = true
		s.w.mu.Unlock()
	}
	return info, err
}

func (s *watchedStore) Put(ctx context.Context, key string, r io.Reader, size int64, meta map[string]string) error {
	err := s.Objects.Put(ctx, key, r, size, meta)
	if err == nil && strings.HasPrefix(key, "chunks/") {
		s.w.mu.Lock()
		s.w.puts[path.Base(key)]++
		s.w.mu.Unlock()
	}
	return err
}

func (s *watchedStore) Get(ctx context.Context, key string) (io.ReadCloser, store.Info, error) {
	if s.service == "muxer" && strings.HasPrefix(key, "chunks/") {
		s.w.mu.Lock()
		let := s.w.let
		select {
		case <-s.w.muxing:
		default:
			close(s.w.muxing)
		}
		s.w.mu.Unlock()
		select {
		case <-let:
		case <-ctx.Done():
			return nil, store.Info{}, ctx.Err()
		}
	}
	r, info, err := s.Objects.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) && s.service == "muxer" {
		s.w.mu.Lock()
		s.w.missed = append(s.w.missed, key)
		s.w.mu.Unlock()
	}
	return r, info, err
}

// stepped is what an eviction works with, and stops it before one of its steps.
type stepped struct {
	*natsq.Bus
	store.Store
	w       *watched
	t       *testing.T
	stop    int // before this step, counted from 1
	steps   int
	stopped chan string   // gets the step's name
	goOn    chan struct{} // closed to let it go on
}

func (s *stepped) step(name string) {
	if s.steps++; s.steps == s.stop {
		s.stopped <- name
		<-s.goOn
	}
}

func (s *stepped) Condemned(ctx context.Context) ([]string, uint64, error) {
	s.step("looks what is condemned")
	return s.Bus.Condemned(ctx)
}

func (s *stepped) Condemn(ctx context.Context, keys []string, revision uint64) (uint64, bool, error) {
	s.step(fmt.Sprintf("condemns %d", len(keys)))
	return s.Bus.Condemn(ctx, keys, revision)
}

func (s *stepped) Claimed(ctx context.Context, keys []string) (map[string]bool, error) {
	s.step(fmt.Sprintf("reads who claims %d", len(keys)))
	return s.Bus.Claimed(ctx, keys)
}

func (s *stepped) List(ctx context.Context, prefix string) iter.Seq2[store.Info, error] {
	s.step("lists " + prefix)
	return s.Store.List(ctx, prefix)
}

func (s *stepped) Delete(ctx context.Context, keys ...string) error {
	s.step(fmt.Sprintf("deletes %d", len(keys)))
	if err := ctx.Err(); err != nil {
		return err
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock() // no splitter looks while they go
	for _, key := range keys {
		if s.w.seen[path.Base(key)] {
			s.t.Errorf("%s is deleted, which the running job has seen", key)
		}
	}
	return s.Store.Delete(ctx, keys...)
}

// TestAJobStartsAtEachStepOfAnEviction has an eviction of everything stop before each of its
// steps, in turn, and a job start that needs all that is there. It goes as far as it can, and
// the eviction goes on while the job still runs.
func TestAJobStartsAtEachStepOfAnEviction(t *testing.T) {
	t.Parallel()
	w, c := watchStore(t)
	spec := memoryFilm(t)
	first, out := c.Encode(t, spec)
	want, total := sumOf(t, out), first.Chunks.Total
	keptAll, lostAll, step := 0, 0, 1
	for more := true; more; step++ {
		w.next()
		evicted, name, j, late := meet(t, c, w, spec, step)
		more = name != ""
		if late { // the machine took 10 s for the job's beginning: nothing was evicted
			step--
		}
		close(w.let)
		if j = c.Await(t, j.ID); j.State != job.Done {
			t.Fatalf("before it %s: the job is %s: %+v", name, j.State, j.Error)
		}
		t.Logf("before it %s: %d of %d chunks are evicted, %+v", name, evicted, total, j.Chunks)
		w.mu.Lock()
		if len(w.missed) > 0 || len(w.puts) != evicted || j.Chunks.Encoded != evicted || j.Chunks.Reused != total-evicted {
			t.Errorf("before it %s: %d chunks are evicted, and the job has %+v; encoded were %v, the muxer missed %v", name, evicted, j.Chunks, w.puts, w.missed)
		}
		for key, n := range w.puts {
			if n != 1 {
				t.Errorf("before it %s: chunk %s is encoded %d times", name, key, n)
			}
		}
		w.mu.Unlock()
		if sumOf(t, c.Deliverable(t, j)) != want {
			t.Errorf("before it %s: the deliverable has other bytes", name)
		}
		if evicted == 0 {
			keptAll++
		} else if evicted == total {
			lostAll++
		}
	}
	if step < 10 || keptAll == 0 || lostAll == 0 {
		t.Errorf("of %d steps the job was first in %d and the eviction in %d: they never met", step-1, keptAll, lostAll)
	}
	if e, err := cache.New(c.Bus, c.Store).Evict(t.Context(), 0, false); err != nil || e.Left != 0 || len(e.Chunks) != total {
		t.Errorf("once no job runs there go %d of %d chunks, %d bytes stay, %v", len(e.Chunks), total, e.Left, err)
	}
}

// meet runs an eviction, and a job that starts before its step number stop. It returns how
// many chunks went, and the name of that step, "" when the eviction has not as many: then the
// job starts behind its end. It is late where it was stopped for too long, and gave up.
func meet(t *testing.T, c *e2e.Cluster, w *watched, spec job.Spec, stop int) (evicted int, name string, j job.Job, late bool) {
	t.Helper()
	s := &stepped{Bus: c.Bus, Store: c.Store, w: w, t: t, stop: stop, stopped: make(chan string), goOn: make(chan struct{})}
	ended := make(chan cache.Evicted, 1)
	go func() {
		e, err := cache.New(s, s).Evict(t.Context(), 0, false)
		if late = errors.Is(err, context.DeadlineExceeded); err != nil && !late {
			t.Errorf("evict: %v", err)
		}
		ended <- e
	}()
	var e cache.Evicted
	over := false
	select {
	case name = <-s.stopped:
	case e = <-ended:
		over = true
	}
	j = c.Submit(t, spec)
	testenv.Await(t, time.Minute, "the job to go as far as it can", func() bool {
		select {
		case <-w.muxing:
			return true
		default:
		}
		keys, _, err := c.Bus.Condemned(t.Context())
		if err != nil || len(keys) == 0 {
			return false
		}
		claimed, err := c.Bus.Claimed(t.Context(), keys)
		return err == nil && len(claimed) > 0
	})
	if !over {
		close(s.goOn)
		e = <-ended
	}
	return len(e.Chunks), name, j, late
}

// TestJobsBesideEvictionsEndAlike has all chunks evicted again and again that nobody needs,
// while jobs run that need them.
func TestJobsBesideEvictionsEndAlike(t *testing.T) {
	t.Parallel()
	w := &watched{}
	w.next()
	close(w.let)
	c := e2e.Start(t, e2e.Fleet{Splitters: 2, Codecs: []string{"libx264"}, Stores: w.wrap})
	spec := memoryFilm(t)
	_, out := c.Encode(t, spec)
	want := sumOf(t, out)
	var jobs []job.Job
	for i := range 8 {
		s := spec
		s.Name = fmt.Sprint(i)
		jobs = append(jobs, c.Submit(t, s))
	}
	ended := make(chan struct{})
	var evictions sync.WaitGroup
	for range 2 {
		evictions.Go(func() {
			keep := cache.New(c.Bus, c.Store)
			for {
				if _, err := keep.Evict(t.Context(), 0, false); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-ended:
					return
				default:
				}
			}
		})
	}
	for _, j := range jobs {
		if got := c.Await(t, j.ID); got.State != job.Done {
			t.Errorf("a job is %s: %+v", got.State, got.Error)
		} else if sumOf(t, c.Deliverable(t, got)) != want {
			t.Error("a deliverable has other bytes")
		}
	}
	close(ended)
	evictions.Wait()
	if len(w.missed) > 0 {
		t.Errorf("muxers did not find %v", w.missed)
	}
	if e, err := cache.New(c.Bus, c.Store).Evict(t.Context(), 0, false); err != nil || e.Left != 0 {
		t.Errorf("once no job runs %d bytes stay, %v", e.Left, err)
	}
}
