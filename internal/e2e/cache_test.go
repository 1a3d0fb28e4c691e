package e2e_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/cache"
	"github.com/reweave/reweave/pkg/plan"
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
	heldAsTheManifestsSay(t, dir, chunks)
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
	if v.Chunks != total || len(v.Damaged) != 1 || len(v.Dropped) != 1 || v.Dropped[0] != chunks[0].Key {
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
		"is pinned":                    {"unpin", "base.mp4"},
		"there is no SIZE":             {"gc"},
		"begins so, and there is no":   {"pin", "0123456789abcdef"},
		"there is no such directory":   {"ls", "--data", "nowhere"},
	} {
		p := e2e.Command(t, dir, append([]string{"cache", args[0], "--data", "data"}, args[1:]...)...)
		if code := p.Run(); code != 2 || !strings.Contains(p.Stderr.String(), says) {
			t.Errorf("cache %v: exit code %d: %s", args, code, &p.Stderr)
		}
	}
}

// heldAsTheManifestsSay compares the list of chunks with what the deliverables' manifests name.
func heldAsTheManifestsSay(t *testing.T, dir string, chunks []cache.Chunk) {
	t.Helper()
	held := map[string][]string{}
	manifests, err := filepath.Glob(filepath.Join(dir, "data", "objects", "reweave", "manifests", "*.json"))
	if err != nil || len(manifests) != 2 {
		t.Fatalf("%d manifests, %v", len(manifests), err)
	}
	for _, path := range manifests {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := plan.DecodeManifest(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range slices.Concat(m.Chunks, m.Audio) {
			held[c.Key] = append(held[c.Key], m.SHA256)
		}
	}
	for _, c := range chunks {
		if !slices.Equal(slices.Sorted(slices.Values(c.Deliverables)), slices.Sorted(slices.Values(held[c.Key]))) {
			t.Errorf("chunk %s is held by %v, and named by the manifests of %v", c.Key, c.Deliverables, held[c.Key])
		}
	}
	var of []cache.Chunk
	cacheOf(t, dir, &of, "ls", "--of", "base.mp4")
	if len(of) == 0 || len(of) != len(slices.DeleteFunc(slices.Clone(chunks), func(c cache.Chunk) bool { return !c.Pinned })) {
		t.Errorf("%d chunks are of the one that is pinned", len(of))
	}
}

// TestTheCacheIsReadable looks at what a person sees.
func TestTheCacheIsReadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	film := cutFilm(t, "null")
	first := e2e.Command(t, dir, append([]string{"encode", film, "-o", "base.mp4"}, settings...)...).Succeed()
	say := func(args []string, says ...string) {
		p := e2e.Command(t, dir, append(append([]string{"cache"}, args...), "--data", "data")...)
		if code := p.Run(); code != 0 {
			t.Errorf("cache %v: exit code %d: %s", args, code, &p.Stderr)
		}
		for _, s := range says {
			if !strings.Contains(p.Stdout.String(), s) {
				t.Errorf("cache %v does not say %q: %s", args, s, &p.Stdout)
			}
		}
	}
	var chunks []cache.Chunk
	cacheOf(t, dir, &chunks, "ls")
	sum := fmt.Sprintf("%x", sumOf(t, filepath.Join(dir, "base.mp4")))[:16]
	key := chunks[0].Key
	say([]string{"ls"}, "HELD BY", key[:16], " KiB", sum)
	say([]string{"stats"}, fmt.Sprintf("chunks    %d, ", first.Chunks.Total), "hit rate  0 %", "SOURCE", sum, filepath.Base(film))
	say([]string{"pin", "base.mp4"}, fmt.Sprintf("pinned %s: %d chunks, ", sum, first.Chunks.Total))
	say([]string{"gc", "--max-size", "0"}, "evicted 0 chunks, 0 B; ", "more than was asked for: deliverables that are pinned")
	say([]string{"unpin", sum}, "unpinned "+sum) // by the digits that stats prints
	flip(t, filepath.Join(dir, "data", "objects", "reweave", filepath.FromSlash(store.ChunkKey(key))))
	say([]string{"verify"}, "damaged, and dropped: "+key, fmt.Sprintf("%d chunks, ", first.Chunks.Total), "1 damaged", "get them again from")
	say([]string{"verify"}, fmt.Sprintf("%d chunks, ", first.Chunks.Total-1), ": 0 damaged")
	say([]string{"gc", "--max-size", "0", "--dry-run"}, chunks[1].Key[:16], fmt.Sprintf("would evict %d chunks, ", first.Chunks.Total-1), "0 B stay")
	say([]string{"gc", "--max-size", "0"}, fmt.Sprintf("evicted %d chunks, ", first.Chunks.Total-1), "0 B stay")
}

// TestTheCacheWaitsForAnEncode evicts everything from a directory on which another process
// encodes: it waits for the end, since no other process knows what that one needs.
func TestTheCacheWaitsForAnEncode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	film, err := os.ReadFile(testenv.Media(t, "a.y4m", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=4", "-pix_fmt", "yuv420p"))
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	encode := e2e.Command(t, dir, append([]string{"encode", "-", "-o", "out.mp4"}, settings...)...)
	encode.Stdin = r
	encode.Begin()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(film[:len(film)/2]); err != nil { // it has begun to read, so the directory is its own
		t.Fatal(err)
	}
	gc := e2e.Command(t, dir, "cache", "gc", "--max-size", "0", "--data", "data").Begin()
	testenv.Await(t, time.Minute, "the other command to wait", func() bool {
		return strings.Contains(gc.Stderr.String(), "waiting for another reweave") || !gc.Running()
	})
	if _, err := w.Write(film[len(film)/2:]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if code := encode.Exit(); code != 0 {
		t.Errorf("the encode's exit code is %d: %s", code, &encode.Stderr)
	}
	e2e.DecodesCleanly(t, filepath.Join(dir, "out.mp4"))
	if code := gc.Exit(); code != 0 || !strings.Contains(gc.Stdout.String(), "0 B stay") || strings.Contains(gc.Stdout.String(), "evicted 0") {
		t.Errorf("exit code %d: %s%s", code, &gc.Stdout, &gc.Stderr)
	}
	if !strings.Contains(gc.Stderr.String(), "waiting for another reweave") {
		t.Errorf("it did not wait: %s", &gc.Stderr)
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

// sumOf is the digest of a file.
func sumOf(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(b)
}
