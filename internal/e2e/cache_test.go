package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/pkg/cache"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/store"
)

// cacheOf runs a command on the cache of the data directory and reads what it prints.
func cacheOf(t *testing.T, dir string, into any, args ...string) {
	t.Helper()
	p := e2e.Command(t, dir, append(append([]string{"cache"}, args...), "--data", "data", "--json")...)
	if code := p.Run(); code != 0 {
		t.Fatalf("cache %v: exit code %d: %s", args, code, &p.Stderr)
	}
	p.Gone()
	if err := json.Unmarshal([]byte(p.Stdout.String()), into); err != nil {
		t.Fatalf("cache %v: %v in %s", args, err, &p.Stdout)
	}
}

// TestTheCacheIsLookedAfter goes through all that can be done with the cache of a data
// directory, of two deliverables that share most of their chunks.
func TestTheCacheIsLookedAfter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	film, changed := cutFilm(t, "null"), cutFilm(t, box)
	first := e2e.Command(t, dir, append([]string{"encode", film, "-o", "base.mp4"}, settings...)...).Succeed()
	second := patchOf(t, dir, "base.mp4", changed, "out.mp4")

	var s cache.Stats
	cacheOf(t, dir, &s, "stats")
	total := first.Chunks.Total + second.Chunks.Encoded
	if s.Chunks != total || len(s.Deliverables) != 2 || s.Unheld != 0 || s.Pinned != 0 {
		t.Errorf("with %d chunks encoded the cache holds %+v", total, s)
	}
	if want := float64(second.Chunks.Reused) / float64(first.Chunks.Total+second.Chunks.Total); s.HitRate < want-1e-9 || s.HitRate > want+1e-9 {
		t.Errorf("the hit rate is %f, want %f", s.HitRate, want)
	}
	// What the first one alone holds is older than all that was used for the second.
	var e cache.Evicted
	cacheOf(t, dir, &e, "gc", "--max-size", fmt.Sprint(s.Bytes-1), "--dry-run")
	if len(e.Chunks) != 1 || len(e.Chunks[0].Deliverables) != 1 || e.Left != s.Bytes-e.Bytes {
		t.Errorf("to make a byte of room there would go %+v", e)
	}
	cacheOf(t, dir, &struct{}{}, "pin", "base.mp4")
	cacheOf(t, dir, &e, "gc", "--max-size", "0")
	var chunks []cache.Chunk
	cacheOf(t, dir, &chunks, "ls")
	if len(e.Chunks) != second.Chunks.Encoded || len(chunks) != first.Chunks.Total {
		t.Errorf("%d chunks went and %d stay, of which %d are pinned", len(e.Chunks), len(chunks), first.Chunks.Total)
	}
	// What was evicted is made again, with the same bytes.
	if again := patchOf(t, dir, "base.mp4", changed, "again.mp4"); again.Chunks.Encoded != second.Chunks.Encoded {
		t.Errorf("behind the eviction it has %+v", again.Chunks)
	}
	sameBytes(t, filepath.Join(dir, "out.mp4"), filepath.Join(dir, "again.mp4"))

	// A damaged chunk is found, dropped, and made again.
	flip(t, filepath.Join(dir, "data", "objects", "reweave", filepath.FromSlash(store.ChunkKey(chunks[0].Key))))
	var v cache.Checked
	cacheOf(t, dir, &v, "verify")
	if v.Chunks != total || len(v.Damaged) != 1 || v.Damaged[0] != chunks[0].Key {
		t.Errorf("of %d chunks, %s of which is damaged, it says %+v", total, chunks[0].Key, v)
	}
	cacheOf(t, dir, &v, "verify")
	if v.Chunks != total-1 || len(v.Damaged) != 0 {
		t.Errorf("the second time it says %+v", v)
	}
	if r := e2e.Command(t, dir, append([]string{"encode", film, "-o", "base2.mp4"}, settings...)...).Succeed(); r.Chunks.Encoded != 1 {
		t.Errorf("with one chunk lost it has %+v", r.Chunks)
	}
	sameBytes(t, filepath.Join(dir, "base.mp4"), filepath.Join(dir, "base2.mp4"))

	cacheOf(t, dir, &struct{}{}, "unpin", "base.mp4")
	cacheOf(t, dir, &e, "gc", "--max-size", "0")
	if e.Left != 0 {
		t.Errorf("nothing is pinned, and there stay %d bytes", e.Left)
	}
	for says, args := range map[string][]string{
		"it is no size":                {"gc", "--max-size", "lots"},
		"neither a SHA-256 nor a file": {"pin", "nothing.mp4"},
		"was made here":                {"pin", film},
	} {
		p := e2e.Command(t, dir, append(append([]string{"cache"}, args...), "--data", "data")...)
		if code := p.Run(); code != 2 || !strings.Contains(p.Stderr.String(), says) {
			t.Errorf("cache %v: exit code %d: %s", args, code, &p.Stderr)
		}
	}
}

// flip changes one byte in the middle of a file.
func flip(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 0xff
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil { // in place: its metadata stays
		t.Fatal(err)
	}
}

// TestJobsBesideEvictionsEndAlike has chunks evicted, all of them and again and again, while
// jobs run that need them.
func TestJobsBesideEvictionsEndAlike(t *testing.T) {
	t.Parallel()
	c := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264"}})
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
	evictions.Go(func() {
		for {
			select {
			case <-ended:
				return
			default:
			}
			contents, err := cache.Scan(t.Context(), c.Store)
			if err == nil {
				_, err = cache.Evict(t.Context(), c.Store, contents.Victims(0, nil), func(ctx context.Context) (map[string]bool, error) { return cache.Claims(ctx, c.Bus) })
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for _, j := range jobs {
		if got := c.Await(t, j.ID); got.State != job.Done {
			t.Errorf("a job is %s: %+v", got.State, got.Error)
		} else if sumOf(t, c.Deliverable(t, got)) != want {
			t.Error("a deliverable has other bytes")
		}
	}
	close(ended)
	evictions.Wait()
}

// sumOf is the digest of a file.
func sumOf(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(b)
}
