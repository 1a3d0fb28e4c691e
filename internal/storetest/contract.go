// Package storetest is the contract of [store.Store] and [store.Presigner] as
// tests, which every store has to pass.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/reweave/reweave/pkg/store"
)

// Objects is what is tested.
type Objects interface {
	store.Store
	store.Presigner
}

// Run tests the whole contract on an empty store.
func Run(t *testing.T, s Objects) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Objects)
	}{
		{"PutGetStat", putGetStat},
		{"Absent", absent},
		{"Replace", replace},
		{"Sizes", sizes},
		{"Range", ranges},
		{"Delete", deletes},
		{"List", list},
		{"Short", short},
		{"Cancelled", cancelled},
		{"Parallel", parallel},
		{"PresignGet", presignGet},
		{"PresignPut", presignPut},
		{"PresignShort", presignShort},
		{"PresignParts", presignParts},
		{"PresignWrong", presignWrong},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s) })
	}
}

// Content returns n bytes that are the same for the same n and compress badly.
func Content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte{byte(n)})).Read(b) // it never fails
	return b
}

// Put stores content and fails the test when that fails.
func Put(t testing.TB, s store.Store, key string, content []byte) {
	t.Helper()
	if err := s.Put(t.Context(), key, bytes.NewReader(content), int64(len(content)), nil); err != nil {
		t.Fatal(err)
	}
}

// Want fails the test unless key holds content.
func Want(t testing.TB, s store.Store, key string, content []byte) {
	t.Helper()
	body, info, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		t.Fatal(err)
	}
	if info.Size != int64(len(content)) || !bytes.Equal(got, content) {
		t.Fatalf("%s holds %d bytes (announced %d), want %d, equal: %t", key, len(got), info.Size, len(content), bytes.Equal(got, content))
	}
}

func putGetStat(t *testing.T, s Objects) {
	meta := map[string]string{"sha256": "abc", "frame-count": "48"}
	key := "put/käse und 100%+=&?.mp4"
	if err := s.Put(t.Context(), key, strings.NewReader("media"), 5, meta); err != nil {
		t.Fatal(err)
	}
	Want(t, s, key, []byte("media"))
	body, got, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	_ = body.Close() // nothing was read
	info, err := s.Stat(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []store.Info{got, info} {
		if i.Key != key || i.Size != 5 || i.Modified.IsZero() || i.Meta["sha256"] != "abc" || i.Meta["frame-count"] != "48" {
			t.Errorf("info is %+v", i)
		}
	}
}

func absent(t *testing.T, s Objects) {
	_, _, err := s.Get(t.Context(), "absent/a")
	_, rerr := s.GetRange(t.Context(), "absent/a", 1, 2)
	_, serr := s.Stat(t.Context(), "absent/a")
	for name, err := range map[string]error{"Get": err, "GetRange": rerr, "Stat": serr} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of an absent key: %v, want ErrNotFound", name, err)
		}
	}
	if err := s.Delete(t.Context(), "absent/a"); err != nil {
		t.Errorf("delete of an absent key: %v", err)
	}
	if err := s.Delete(t.Context()); err != nil {
		t.Errorf("delete of nothing: %v", err)
	}
}

func replace(t *testing.T, s Objects) {
	Put(t, s, "replace/a", []byte("the first, longer content"))
	Put(t, s, "replace/a", []byte("second"))
	Put(t, s, "replace/a", []byte("second"))
	Want(t, s, "replace/a", []byte("second"))
}

// sizes stores around every border: one part, the head of a stream of unknown
// size, and several parts.
func sizes(t *testing.T, s Objects) {
	for _, n := range []int{1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 16 << 20, 16<<20 + 1, 40 << 20} {
		content := Content(n)
		key := fmt.Sprintf("sizes/%d", n)
		Put(t, s, key, content)
		Want(t, s, key, content)
		stream := struct{ io.Reader }{bytes.NewReader(content)} // neither size nor Seek
		if err := s.Put(t.Context(), key+"-stream", stream, -1, map[string]string{"n": "1"}); err != nil {
			t.Fatal(err)
		}
		Want(t, s, key+"-stream", content)
		if i, err := s.Stat(t.Context(), key+"-stream"); err != nil || i.Meta["n"] != "1" {
			t.Errorf("stat of %d bytes of unknown size: %+v, %v", n, i, err)
		}
	}
	for _, size := range []int64{0, -1} {
		if err := s.Put(t.Context(), "sizes/0", strings.NewReader(""), size, nil); err == nil {
			t.Errorf("an empty object of size %d was stored", size)
		}
	}
	// Of a reader in the middle, what is behind is stored.
	r := strings.NewReader("skipped,stored,left")
	_, _ = r.Seek(8, io.SeekStart) // within the string
	if err := s.Put(t.Context(), "sizes/middle", r, 6, nil); err != nil {
		t.Fatal(err)
	}
	Want(t, s, "sizes/middle", []byte("stored"))
}

func ranges(t *testing.T, s Objects) {
	Put(t, s, "range/a", []byte("0123456789"))
	for _, c := range []struct {
		off, length int64
		want        string
	}{{0, 4, "0123"}, {3, 4, "3456"}, {9, 1, "9"}, {4, -1, "456789"}, {0, -1, "0123456789"}, {8, 10, "89"}, {2, 0, ""}} {
		body, err := s.GetRange(t.Context(), "range/a", c.off, c.length)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err = errors.Join(err, body.Close()); err != nil || string(got) != c.want {
			t.Errorf("%d bytes from %d are %q, %v; want %q", c.length, c.off, got, err, c.want)
		}
	}
}

func deletes(t *testing.T, s Objects) {
	keys := []string{"delete/absent"}
	for i := range 1100 { // more than S3 takes at once
		keys = append(keys, fmt.Sprintf("delete/%04d", i))
	}
	putAll(t, s, keys[1:])
	if err := s.Delete(t.Context(), keys...); err != nil {
		t.Fatal(err)
	}
	if left := listed(t, s, "delete/"); len(left) != 0 {
		t.Errorf("%d objects are left, such as %s", len(left), left[0])
	}
}

// putAll stores one byte under each key, 16 at a time.
func putAll(t *testing.T, s store.Store, keys []string) {
	t.Helper()
	var wg sync.WaitGroup
	for part := range slices.Chunk(keys, len(keys)/16+1) {
		wg.Go(func() {
			for _, key := range part {
				if err := s.Put(t.Context(), key, strings.NewReader("x"), 1, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func listed(t *testing.T, s store.Store, prefix string) (keys []string) {
	t.Helper()
	for i, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, i.Key)
	}
	return keys
}

func list(t *testing.T, s Objects) {
	want := []string{"list/a-b", "list/a/1", "list/a/2", "list/a0", "list/b/c/d"}
	for i := range 1100 { // more than S3 lists at once
		want = append(want, fmt.Sprintf("list/many/%04d", i))
	}
	putAll(t, s, want)
	if got := listed(t, s, "list/"); !slices.Equal(got, want) {
		t.Errorf("listed %d keys %v…, want %d in order %v…", len(got), got[:min(6, len(got))], len(want), want[:6])
	}
	if got := listed(t, s, "list/a"); !slices.Equal(got, want[:4]) {
		t.Errorf("under list/a are %v, want %v", got, want[:4])
	}
	for i, err := range s.List(t.Context(), "list/") {
		if err != nil || i.Size != 1 || i.Modified.IsZero() {
			t.Errorf("listed %+v, %v", i, err)
		}
		break // a listing may be left
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for i, err := range s.List(ended, "list/") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("listed %+v, %v with an ended context", i, err)
		}
	}
}
