package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/reweave/reweave/pkg/store"
)

// Checked tells of some chunks that were read through.
type Checked struct {
	Chunks int   `json:"chunks" doc:"how many were read"`
	Bytes  int64 `json:"bytes" doc:"their bytes"`
	// Damaged are the keys of those that are not what was stored, and Dropped those of them
	// that were deleted: not what a running job needs, which finds that out by itself.
	Damaged []string `json:"damaged" doc:"keys of those that are damaged"`
	Dropped []string `json:"dropped" doc:"keys of those that were deleted; the others are needed by running jobs, which make them anew"`
	// Next is where to go on, "" at the end.
	Next string `json:"next,omitempty" doc:"the key to go on behind; absent at the end"`
}

// Verify reads up to n chunks behind the key after, and drops those whose bytes are not
// those that were stored: the next job that needs one has it encoded.
func (k *Keeper) Verify(ctx context.Context, after string, n int) (c Checked, err error) {
	c.Damaged, c.Dropped = []string{}, []string{}
	read := map[string]time.Time{} // when those were stored that are damaged
	var damaged []Chunk
	for info, err := range k.store.List(ctx, "chunks/") {
		if err != nil {
			return c, fmt.Errorf("list chunks: %w", err)
		}
		key := info.Key[strings.LastIndexByte(info.Key, '/')+1:]
		if key <= after {
			continue
		}
		if c.Chunks == n {
			return k.drop(ctx, c, damaged, read)
		}
		whole, err := intact(ctx, k.store, info.Key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		} else if err != nil {
			return c, err
		}
		c.Chunks, c.Bytes, c.Next = c.Chunks+1, c.Bytes+info.Size, key
		if !whole {
			c.Damaged = append(c.Damaged, key)
			damaged, read[key] = append(damaged, Chunk{Key: key, Bytes: info.Size}), info.Modified
		}
	}
	c.Next = ""
	return k.drop(ctx, c, damaged, read)
}

// drop deletes damaged chunks, but those that somebody has made anew since they were read.
func (k *Keeper) drop(ctx context.Context, c Checked, damaged []Chunk, read map[string]time.Time) (Checked, error) {
	gone, err := k.delete(ctx, damaged, func(ctx context.Context, ch Chunk) (bool, error) {
		info, err := k.store.Stat(ctx, store.ChunkKey(ch.Key))
		if errors.Is(err, store.ErrNotFound) {
			return true, nil
		}
		return err == nil && !info.Modified.Truncate(time.Second).Equal(read[ch.Key].Truncate(time.Second)), err
	})
	for _, ch := range gone {
		c.Dropped = append(c.Dropped, ch.Key)
	}
	return c, err
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
