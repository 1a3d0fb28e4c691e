package cache_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/cache"
)

// Whatever lies in the store, those go that were used the longest time ago, no more of them
// than must, and none that somebody needs.
func TestVictimsAreTheOldest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		c := &cache.Contents{}
		claimed := map[string]bool{}
		for i := range rapid.IntRange(0, 20).Draw(t, "chunks") {
			ch := cache.Chunk{
				Key: string(rune('a' + i)), Bytes: rapid.Int64Range(1, 50).Draw(t, "bytes"),
				Used:   begin.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "used")) * time.Hour),
				Pinned: rapid.IntRange(0, 4).Draw(t, "pinned") == 0,
			}
			claimed[ch.Key] = rapid.IntRange(0, 4).Draw(t, "claimed") == 0
			c.Chunks = append(c.Chunks, ch)
		}
		limit := rapid.Int64Range(0, c.Bytes()+10).Draw(t, "limit")
		left := c.Bytes()
		gone := map[string]bool{}
		for i, v := range c.Victims(limit, claimed) {
			if v.Pinned || claimed[v.Key] || gone[v.Key] {
				t.Fatalf("%+v goes", v)
			}
			if left <= limit {
				t.Fatalf("victim %d goes, and %d bytes were below %d before", i, left, limit)
			}
			left -= v.Bytes
			gone[v.Key] = true
		}
		for _, stays := range c.Chunks {
			if gone[stays.Key] || stays.Pinned || claimed[stays.Key] {
				continue
			}
			if left > limit {
				t.Fatalf("%+v stays, and %d bytes are more than %d", stays, left, limit)
			}
			for _, v := range c.Chunks {
				if gone[v.Key] && v.Used.After(stays.Used) {
					t.Fatalf("%+v goes, and the older %+v stays", v, stays)
				}
			}
		}
		if !slices.IsSortedFunc(c.Chunks, func(a, b cache.Chunk) int { return int(a.Key[0]) - int(b.Key[0]) }) {
			t.Fatal("the list was put in another order")
		}
	})
}
