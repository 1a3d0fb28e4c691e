package e2e_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/store"
)

// outage has the store refuse each chunk twice, behind all tries of its own.
type outage struct {
	mu      sync.Mutex
	refused map[string]int // by key of a chunk
	fetched map[string]int // segments that encoders read
}

type outageStore struct {
	boot.Objects
	o *outage
}

func (s *outageStore) Put(ctx context.Context, key string, r io.Reader, size int64, meta map[string]string) error {
	s.o.mu.Lock()
	refuse := strings.HasPrefix(key, "chunks/") && s.o.refused[key] < 2
	if refuse {
		s.o.refused[key]++
	}
	s.o.mu.Unlock()
	if refuse {
		return &fault.Error{Class: fault.Retry, Type: "store-unavailable", Where: key, Title: "the object store is in trouble"}
	}
	return s.Objects.Put(ctx, key, r, size, meta)
}

func (s *outageStore) Get(ctx context.Context, key string) (io.ReadCloser, store.Info, error) {
	if strings.HasPrefix(key, "segments/") {
		s.o.mu.Lock()
		s.o.fetched[key]++
		s.o.mu.Unlock()
	}
	return s.Objects.Get(ctx, key)
}

// TestWhatIsEncodedIsStoredBehindAnOutage: a store that is away for longer than a request is
// tried costs no encode.
func TestWhatIsEncodedIsStoredBehindAnOutage(t *testing.T) {
	t.Parallel()
	o := &outage{refused: map[string]int{}, fetched: map[string]int{}}
	c := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264"}, Stores: func(service string, st boot.Objects) boot.Objects {
		if service != "encoder" {
			return st
		}
		return &outageStore{st, o}
	}})
	j, _ := c.Encode(t, memoryFilm(t))
	if len(o.refused) != j.Chunks.Total || len(o.fetched) != j.Chunks.Total {
		t.Errorf("%d chunks were refused, %d segments read, of %d", len(o.refused), len(o.fetched), j.Chunks.Total)
	}
	for key, n := range o.fetched {
		if n != 1 {
			t.Errorf("%s was read, and so encoded, %d times", key, n)
		}
	}
}
