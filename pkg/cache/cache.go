// Package cache tells what the stored chunks are good for, and which of them go when there
// is no more room.
//
// Nothing counts uses: a chunk was last used when it was stored, or when a deliverable that
// holds it was last made, which the times of the manifests tell. So what is known of the
// cache is what lies in the store, and can't be lost apart from it.
//
// A job claims what it needs, and whoever evicts condemns what goes: by the order of these
// steps, which [Claimer] and [Keeper] keep, no chunk is deleted that a running job has seen.
package cache

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reweave/reweave/pkg/job"
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
	Pinned       bool     `json:"pinned,omitempty" doc:"a pinned deliverable holds it"`
	// Running is not known to [Scan]: it is what jobs tell.
	Running bool `json:"running,omitempty" doc:"a running job needs it"`
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
	Reused int `json:"reused" doc:"chunks that were there already when it was last made"`
	// Source is not known to [Scan], but to [Contents.Name].
	Source string `json:"source,omitempty" doc:"name of what it was made from, where it was noted"`
	// Keys are those of its chunks.
	Keys []string `json:"-"`
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
	sums, pinned, err := pins(ctx, st)
	if err != nil {
		return nil, err
	}
	for i, ch := range c.Chunks {
		c.Chunks[i].Pinned = pinned[ch.Key]
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
			d := Deliverable{SHA256: sum, Tenant: tenant, Made: info.Modified.UTC(), Pinned: sums[sum]}
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
		d.Keys = append(d.Keys, mc.Key)
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
		if d.Made.After(ch.Used) {
			ch.Used = d.Made
		}
	}
	c.Deliverables = append(c.Deliverables, *d)
	return nil
}

// Name reads what the deliverables were made from, as far as it was noted.
func (c *Contents) Name(ctx context.Context, st store.Store) error {
	for i, d := range c.Deliverables {
		r, _, err := st.Get(ctx, store.SourceKey(d.Tenant, d.SHA256))
		if errors.Is(err, store.ErrNotFound) {
			continue
		} else if err != nil {
			return fmt.Errorf("read the note of a source: %w", err)
		}
		var n job.SourceNote
		err = json.NewDecoder(r).Decode(&n)
		_ = r.Close() // it was only read
		if err == nil {
			c.Deliverables[i].Source = cmp.Or(n.Name, n.Source)
		}
	}
	return nil
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
