// Package cache tells what the stored chunks are good for, and which of them go when there
// is no more room.
//
// Nothing counts uses: a chunk was last used when it was stored, or when a deliverable that
// holds it was last made, which the times of the manifests tell. So what is known of the
// cache is what lies in the store, and can't be lost apart from it.
package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/store"
)

// Chunk is a stored chunk.
type Chunk struct {
	Key   string `json:"key" doc:"chunk key"`
	Bytes int64  `json:"bytes"`
	// Used is when it was stored, or when a deliverable that holds it was last made.
	Used time.Time `json:"used" doc:"when it was stored or last used"`
	// Deliverables are the SHA-256 sums of those that hold it.
	Deliverables []string `json:"deliverables,omitempty" doc:"digests of the deliverables that hold it"`
	Pinned       bool     `json:"pinned,omitempty" doc:"one of these is pinned"`
}

// Deliverable is one that was made here.
type Deliverable struct {
	SHA256 string    `json:"sha256"`
	Tenant string    `json:"tenant,omitempty"`
	Made   time.Time `json:"made" doc:"when it was last made"`
	Pinned bool      `json:"pinned,omitempty"`
	// Chunks and Bytes are of its chunks; Lost are those of them that are not stored any more.
	Chunks int   `json:"chunks"`
	Bytes  int64 `json:"bytes"`
	Lost   int   `json:"lost,omitempty" doc:"chunks that are not stored any more"`
	// Reused counts the chunks that were there already when it was last made.
	Reused int `json:"reused"`
}

// Contents is what the store holds.
type Contents struct {
	Chunks       []Chunk       `json:"chunks"`
	Deliverables []Deliverable `json:"deliverables"`
}

// Bytes is the size of all chunks.
func (c *Contents) Bytes() (sum int64) {
	for _, ch := range c.Chunks {
		sum += ch.Bytes
	}
	return sum
}

// Scan reads what the store holds: the list of all chunks, and every manifest.
func Scan(ctx context.Context, st store.Store) (*Contents, error) {
	c := &Contents{Chunks: []Chunk{}, Deliverables: []Deliverable{}}
	at := map[string]int{}
	for info, err := range st.List(ctx, "chunks/") {
		if err != nil {
			return nil, fmt.Errorf("list chunks: %w", err)
		}
		key := info.Key[strings.LastIndexByte(info.Key, '/')+1:]
		at[key] = len(c.Chunks)
		c.Chunks = append(c.Chunks, Chunk{Key: key, Bytes: info.Size, Used: info.Modified.UTC()})
	}
	pins, err := pins(ctx, st)
	if err != nil {
		return nil, err
	}
	for _, prefix := range []string{"manifests/", "tenants/"} {
		for info, err := range st.List(ctx, prefix) {
			if err != nil {
				return nil, fmt.Errorf("list manifests: %w", err)
			}
			tenant, sum, ok := store.ParseManifestKey(info.Key)
			if !ok {
				continue
			}
			d := Deliverable{SHA256: sum, Tenant: tenant, Made: info.Modified.UTC(), Pinned: pins[sum]}
			if err := c.hold(ctx, st, info.Key, &d, at); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// hold notes the chunks that a deliverable holds. A manifest that is damaged, or gone since
// it was listed, holds nothing.
func (c *Contents) hold(ctx context.Context, st store.Store, key string, d *Deliverable, at map[string]int) error {
	info, err := st.Stat(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	b, err := store.Read(ctx, st, key, info.Meta["sha256"])
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDigest) {
		return nil
	} else if err != nil {
		return err
	}
	m, err := plan.DecodeManifest(b)
	if err != nil {
		return nil //nolint:nilerr // of another version
	}
	d.Reused, _ = strconv.Atoi(info.Meta["reused"]) // "" of one that was made before it was counted
	for _, mc := range slices.Concat(m.Chunks, m.Audio) {
		if mc.Key == "" {
			continue
		}
		d.Chunks++
		i, stored := at[mc.Key]
		if !stored {
			d.Lost++
			continue
		}
		ch := &c.Chunks[i]
		d.Bytes += ch.Bytes
		if !slices.Contains(ch.Deliverables, d.SHA256) {
			ch.Deliverables = append(ch.Deliverables, d.SHA256)
		}
		ch.Pinned = ch.Pinned || d.Pinned
		if d.Made.After(ch.Used) {
			ch.Used = d.Made
		}
	}
	c.Deliverables = append(c.Deliverables, *d)
	return nil
}

// pins returns the deliverables that are pinned.
func pins(ctx context.Context, st store.Store) (map[string]bool, error) {
	all := map[string]bool{}
	for info, err := range st.List(ctx, store.PinKey("")) {
		if err != nil {
			return nil, fmt.Errorf("list pins: %w", err)
		}
		all[strings.TrimPrefix(info.Key, store.PinKey(""))] = true
	}
	return all, nil
}

// Victims returns the chunks to evict for the others to take limit bytes at most: those that
// were used the longest time ago, and among them the largest. What is pinned or claimed
// stays, even where the limit can't be kept.
func (c *Contents) Victims(limit int64, claimed map[string]bool) (victims []Chunk) {
	over := c.Bytes() - limit
	order := slices.SortedFunc(slices.Values(c.Chunks), func(a, b Chunk) int {
		return cmp.Or(a.Used.Compare(b.Used), cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Key, b.Key))
	})
	for _, ch := range order {
		if over <= 0 {
			break
		}
		if ch.Pinned || claimed[ch.Key] {
			continue
		}
		victims = append(victims, ch)
		over -= ch.Bytes
	}
	return victims
}

// batch is how many chunks are evicted between two looks at what is claimed.
const batch = 100

// Evict deletes victims. Before each batch claims tells anew what running jobs need, so
// that a job which began meanwhile keeps its chunks. One that begins at the same moment may
// lose some that it has just seen: its muxer finds them missing and has them encoded.
func Evict(ctx context.Context, st store.Store, victims []Chunk, claims func(context.Context) (map[string]bool, error)) (gone []Chunk, err error) {
	for some := range slices.Chunk(victims, batch) {
		claimed, err := claims(ctx)
		if err != nil {
			return gone, err
		}
		var keys []string
		var these []Chunk
		for _, ch := range some {
			if !claimed[ch.Key] {
				keys, these = append(keys, store.ChunkKey(ch.Key)), append(these, ch)
			}
		}
		if err := st.Delete(ctx, keys...); err != nil {
			return gone, fmt.Errorf("evict chunks: %w", err)
		}
		gone = append(gone, these...)
	}
	return gone, nil
}
