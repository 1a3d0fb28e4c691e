package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/reweave/reweave/pkg/cache"
)

// Cache tells how large the chunk store is, and who holds it.
func (c *Client) Cache(ctx context.Context) (s cache.Stats, err error) {
	return s, c.call(ctx, request{method: http.MethodGet, path: "/v1/cache"}, &s)
}

// Chunks lists the stored chunks.
func (c *Client) Chunks(ctx context.Context) ([]cache.Chunk, error) {
	var got struct {
		Chunks []cache.Chunk `json:"chunks"`
	}
	err := c.call(ctx, request{method: http.MethodGet, path: "/v1/cache/chunks"}, &got)
	return got.Chunks, err
}

// Evict brings the chunks below a number of bytes; with dry it only tells how.
func (c *Client) Evict(ctx context.Context, most int64, dry bool) (e cache.Evicted, err error) {
	body := map[string]any{"max_bytes": most, "dry_run": dry}
	return e, c.call(ctx, request{method: http.MethodPost, path: "/v1/cache/gc", body: body}, &e)
}

// VerifyChunks reads some chunks behind a key through, and drops those that are damaged.
func (c *Client) VerifyChunks(ctx context.Context, after string) (v cache.Checked, err error) {
	return v, c.call(ctx, request{method: http.MethodPost, path: "/v1/cache/verify", body: map[string]any{"after": after}}, &v)
}

// Pin keeps the chunks of the deliverable with a digest, in hexadecimal; Unpin lets them go.
func (c *Client) Pin(ctx context.Context, sum string) (d cache.Deliverable, err error) {
	return d, c.call(ctx, request{method: http.MethodPut, path: "/v1/cache/pins/" + url.PathEscape(sum)}, &d)
}

// Unpin is described at [Client.Pin].
func (c *Client) Unpin(ctx context.Context, sum string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: "/v1/cache/pins/" + url.PathEscape(sum)}, nil)
}
