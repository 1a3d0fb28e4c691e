package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/reweave/reweave/pkg/store"
)

// Checked tells of some chunks that were read through.
type Checked struct {
	Chunks int   `json:"chunks" doc:"how many were read"`
	Bytes  int64 `json:"bytes" doc:"their bytes"`
	// Damaged are the keys of those that were not what they had been, and are dropped.
	Damaged []string `json:"damaged" doc:"keys of those that were damaged, which were dropped"`
	// Next is where to go on, "" at the end.
	Next string `json:"next,omitempty" doc:"the key to go on behind; absent at the end"`
}

// Verify reads up to n chunks behind the key after, and drops those whose bytes are not
// those that were stored: the next job that needs one has it encoded.
func Verify(ctx context.Context, st store.Store, after string, n int) (c Checked, err error) {
	c.Damaged = []string{}
	for info, err := range st.List(ctx, "chunks/") {
		if err != nil {
			return c, fmt.Errorf("list chunks: %w", err)
		}
		key := info.Key[strings.LastIndexByte(info.Key, '/')+1:]
		if key <= after {
			continue
		}
		if c.Chunks == n {
			return c, nil
		}
		whole, err := intact(ctx, st, info.Key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		} else if err != nil {
			return c, err
		}
		c.Chunks, c.Bytes, c.Next = c.Chunks+1, c.Bytes+info.Size, key
		if !whole {
			if err := st.Delete(ctx, info.Key); err != nil {
				return c, fmt.Errorf("drop a damaged chunk: %w", err)
			}
			c.Damaged = append(c.Damaged, key)
		}
	}
	c.Next = ""
	return c, nil
}

func intact(ctx context.Context, st store.Store, key string) (bool, error) {
	r, info, err := st.Get(ctx, key)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", key, err)
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return false, fmt.Errorf("read %s: %w", key, err)
	}
	return hex.EncodeToString(h.Sum(nil)) == info.Meta["sha256"], nil
}
