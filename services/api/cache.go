package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/cache"
)

type (
	cacheOutput  struct{ Body cache.Stats }
	chunksOutput struct {
		Body struct {
			Chunks []cache.Chunk `json:"chunks"`
		}
	}
	gcInput struct {
		Body struct {
			MaxBytes int64 `json:"max_bytes" minimum:"0" doc:"bytes that the chunks may take"`
			DryRun   bool  `json:"dry_run,omitempty" doc:"only tell what would go"`
		}
	}
	gcOutput    struct{ Body cache.Evicted }
	verifyInput struct {
		Body struct {
			After string `json:"after,omitempty" doc:"the key to go on behind"`
			Limit int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100" doc:"how many chunks to read"`
		}
	}
	verifyOutput struct{ Body cache.Checked }
	pinOutput    struct{ Body cache.Deliverable }
)

func (s *Server) routeCache() {
	op := func(id, method, path, summary string, errs ...int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{"cache"}, Summary: summary, Errors: errs}
	}
	register(s, auth.Admin, op("cache-stats", http.MethodGet, "/v1/cache", "Tell how large the chunk store is, and who holds it"), s.cacheStats)
	register(s, auth.Admin, op("list-chunks", http.MethodGet, "/v1/cache/chunks", "List the stored chunks"), s.cacheChunks)
	register(s, auth.Admin, op("evict-chunks", http.MethodPost, "/v1/cache/gc", "Evict the chunks that were used the longest time ago"), s.cacheGC)
	register(s, auth.Admin, op("verify-chunks", http.MethodPost, "/v1/cache/verify", "Read chunks through, and drop those that are damaged"), s.cacheVerify)
	register(s, auth.Admin, op("pin-deliverable", http.MethodPut, "/v1/cache/pins/{sha256}", "Keep a deliverable's chunks", http.StatusNotFound), s.pin)
	register(s, auth.Admin, op("unpin-deliverable", http.MethodDelete, "/v1/cache/pins/{sha256}", "Let go of a deliverable's chunks", http.StatusNotFound), s.unpin)
}

func (s *Server) cacheStats(ctx context.Context, _ *struct{}) (*cacheOutput, error) {
	c, err := cache.Scan(ctx, s.store)
	if err != nil {
		return nil, err
	}
	if err := c.Name(ctx, s.store); err != nil {
		return nil, err
	}
	st := cache.Stats{Chunks: len(c.Chunks), Bytes: c.Bytes(), Limit: s.cfg.CacheBytes, Deliverables: c.Deliverables}
	for _, ch := range c.Chunks {
		if ch.Pinned {
			st.Pinned += ch.Bytes
		}
		if len(ch.Deliverables) == 0 {
			st.Unheld += ch.Bytes
		}
	}
	reused, all := 0, 0
	for _, d := range c.Deliverables {
		reused, all = reused+d.Reused, all+d.Chunks
	}
	st.HitRate = float64(reused) / float64(max(1, all))
	return &cacheOutput{st}, nil
}

func (s *Server) cacheChunks(ctx context.Context, _ *struct{}) (*chunksOutput, error) {
	c, err := cache.Scan(ctx, s.store)
	if err != nil {
		return nil, err
	}
	claimed, err := s.bus.Claimed(ctx, nil)
	if err != nil {
		return nil, err
	}
	for i, ch := range c.Chunks {
		c.Chunks[i].Running = claimed[ch.Key]
	}
	out := &chunksOutput{}
	out.Body.Chunks = c.Chunks
	return out, nil
}

func (s *Server) cacheGC(ctx context.Context, in *gcInput) (*gcOutput, error) {
	e, err := s.cache.Evict(ctx, in.Body.MaxBytes, in.Body.DryRun)
	return &gcOutput{e}, err
}

func (s *Server) cacheVerify(ctx context.Context, in *verifyInput) (*verifyOutput, error) {
	c, err := s.cache.Verify(ctx, in.Body.After, in.Body.Limit)
	return &verifyOutput{c}, err
}

func (s *Server) pin(ctx context.Context, in *manifestRef) (*pinOutput, error) {
	d, err := s.cache.Pin(ctx, in.SHA256)
	if errors.Is(err, cache.ErrUnknown) {
		return nil, statusError(http.StatusNotFound, "no-such-deliverable", "no deliverable with the digest "+in.SHA256+" was made here",
			"see those that were: reweave cache stats")
	}
	return &pinOutput{d}, err
}

func (s *Server) unpin(ctx context.Context, in *manifestRef) (*struct{}, error) {
	was, err := s.cache.Unpin(ctx, in.SHA256)
	if err == nil && !was {
		return nil, statusError(http.StatusNotFound, "not-pinned", "no deliverable with the digest "+in.SHA256+" is pinned", "see: reweave cache stats")
	}
	return nil, err
}

// keepBelow evicts now and then, until ctx ends or a drain begins, where there is a limit.
// Several replicas may do so at once: they take turns.
func (s *Server) keepBelow(ctx context.Context) error {
	if s.cfg.CacheBytes == 0 {
		return nil
	}
	tick := time.NewTicker(s.cfg.CacheSweep)
	defer tick.Stop()
	for {
		e, err := s.cache.Evict(ctx, s.cfg.CacheBytes, false)
		switch {
		case err != nil && ctx.Err() == nil:
			s.log.Warn("evict chunks", zap.Error(err))
		case len(e.Chunks) > 0:
			s.log.Info("evicted chunks", zap.Int("chunks", len(e.Chunks)), zap.Int64("bytes", e.Bytes), zap.Int64("left", e.Left))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.drain:
			return nil
		case <-tick.C:
		}
	}
}

var errCacheSweep = errors.New("REWEAVE_API_CACHE_BYTES and _CACHE_SWEEP: must not be negative")
