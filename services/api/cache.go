package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/cache"
	"github.com/reweave/reweave/pkg/store"
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
	register(s, auth.Admin, op("unpin-deliverable", http.MethodDelete, "/v1/cache/pins/{sha256}", "Let go of a deliverable's chunks"), s.unpin)
}

func (s *Server) cacheStats(ctx context.Context, _ *struct{}) (*cacheOutput, error) {
	c, err := cache.Scan(ctx, s.store)
	if err != nil {
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
	out := &chunksOutput{}
	out.Body.Chunks = c.Chunks
	return out, nil
}

func (s *Server) cacheGC(ctx context.Context, in *gcInput) (*gcOutput, error) {
	e, err := s.evict(ctx, in.Body.MaxBytes, in.Body.DryRun)
	return &gcOutput{e}, err
}

// evict brings the chunks below a limit, as far as those allow it that need them.
func (s *Server) evict(ctx context.Context, limit int64, dry bool) (e cache.Evicted, err error) {
	c, err := cache.Scan(ctx, s.store)
	if err != nil {
		return e, err
	}
	claimed, err := s.claims(ctx)
	if err != nil {
		return e, err
	}
	e.Chunks = c.Victims(limit, claimed)
	if !dry {
		if e.Chunks, err = cache.Evict(ctx, s.store, e.Chunks, s.claims); err != nil {
			return e, err
		}
	}
	if e.Chunks == nil {
		e.Chunks = []cache.Chunk{}
	}
	for _, ch := range e.Chunks {
		e.Bytes += ch.Bytes
	}
	e.Left = c.Bytes() - e.Bytes
	return e, nil
}

// claims returns the keys of the chunks that running jobs need.
func (s *Server) claims(ctx context.Context) (map[string]bool, error) {
	return cache.Claims(ctx, s.bus)
}

func (s *Server) cacheVerify(ctx context.Context, in *verifyInput) (*verifyOutput, error) {
	c, err := cache.Verify(ctx, s.store, in.Body.After, in.Body.Limit)
	return &verifyOutput{c}, err
}

func (s *Server) pin(ctx context.Context, in *manifestRef) (*struct{}, error) {
	c, err := cache.Scan(ctx, s.store)
	if err != nil {
		return nil, err
	}
	for _, d := range c.Deliverables {
		if d.SHA256 == in.SHA256 {
			return nil, s.store.Put(ctx, store.PinKey(in.SHA256), strings.NewReader("pinned\n"), -1, nil)
		}
	}
	return nil, errNotMade(in.SHA256)
}

func (s *Server) unpin(ctx context.Context, in *manifestRef) (*struct{}, error) {
	return nil, s.store.Delete(ctx, store.PinKey(in.SHA256))
}

// keepBelow evicts now and then, until ctx ends or a drain begins, where there is a limit.
// Several replicas may do so at once: to evict a chunk twice is no harm.
func (s *Server) keepBelow(ctx context.Context) error {
	if s.cfg.CacheBytes == 0 {
		return nil
	}
	tick := time.NewTicker(s.cfg.CacheSweep)
	defer tick.Stop()
	for {
		e, err := s.evict(ctx, s.cfg.CacheBytes, false)
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
