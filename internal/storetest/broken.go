package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/reweave/reweave/pkg/store"
)

// errSource is what a broken source says.
var errSource = errors.New("the source broke")

// brokenReader yields content, then calls end and yields its error.
type brokenReader struct {
	content io.Reader
	end     func() error
}

func (r *brokenReader) Read(p []byte) (int, error) {
	n, err := r.content.Read(p)
	if errors.Is(err, io.EOF) {
		err = r.end()
	}
	return n, err
}

// wantOld fails the test unless key holds what it held, and absent nothing.
func wantOld(t *testing.T, s Objects, key string) {
	t.Helper()
	Want(t, s, key+"old", []byte("old"))
	if _, err := s.Stat(t.Context(), key+"new"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unfinished upload is visible: %v", err)
	}
	if got := listed(t, s, key); len(got) != 1 {
		t.Errorf("an unfinished upload is listed: %v", got)
	}
}

// short is a source that ends early or breaks: nothing of it may be seen, for a
// single PUT, for one in parts, and for an unknown size.
func short(t *testing.T, s Objects) {
	Put(t, s, "short/old", []byte("old"))
	for _, c := range []struct {
		name   string
		yields int
		size   int64
		end    error
		want   error
	}{
		{"early end", 3 << 20, 8 << 20, io.EOF, io.ErrUnexpectedEOF},
		{"early end in parts", 20 << 20, 40 << 20, io.EOF, io.ErrUnexpectedEOF},
		{"breaks", 3 << 20, 8 << 20, errSource, errSource},
		{"breaks in parts", 20 << 20, 40 << 20, errSource, errSource},
		{"breaks at unknown size", 20 << 20, -1, errSource, errSource},
		{"breaks early at unknown size", 100, -1, errSource, errSource},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, key := range []string{"short/old", "short/new"} {
				r := &brokenReader{bytes.NewReader(Content(c.yields)), func() error { return c.end }}
				if err := s.Put(t.Context(), key, r, c.size, nil); !errors.Is(err, c.want) {
					t.Errorf("put says %v, want %v", err, c.want)
				}
			}
			wantOld(t, s, "short/")
		})
	}
}

// cancelled is a context that ends in mid-upload.
func cancelled(t *testing.T, s Objects) {
	Put(t, s, "cancelled/old", []byte("old"))
	for name, c := range map[string]struct{ yields, size int64 }{
		"whole": {3 << 20, 8 << 20}, "parts": {20 << 20, 40 << 20}, "unknown": {20 << 20, -1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, key := range []string{"cancelled/old", "cancelled/new"} {
				ctx, cancel := context.WithCancel(t.Context())
				r := &brokenReader{bytes.NewReader(Content(int(c.yields))), func() error {
					cancel()
					return ctx.Err()
				}}
				if err := s.Put(ctx, key, r, c.size, nil); !errors.Is(err, context.Canceled) {
					t.Errorf("put says %v, want %v", err, context.Canceled)
				}
				cancel()
			}
			wantOld(t, s, "cancelled/")
		})
	}
}

// parallel is many writers, two for each key: one of them wins, whole.
func parallel(t *testing.T, s Objects) {
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			content := Content(300_000 + i)
			key := fmt.Sprintf("parallel/%d", i%8)
			if err := s.Put(t.Context(), key, bytes.NewReader(content), int64(len(content)), nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range 8 {
		info, err := s.Stat(t.Context(), fmt.Sprintf("parallel/%d", i))
		if err != nil {
			t.Fatal(err)
		}
		Want(t, s, info.Key, Content(int(info.Size)))
	}
}
