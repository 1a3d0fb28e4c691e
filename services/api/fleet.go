package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/queue"
)

// fleetBus tells who is there to work.
type fleetBus interface {
	Workers(ctx context.Context) ([]queue.Worker, error)
	Encoders(ctx context.Context) ([]queue.Encoder, error)
}

type workersOutput struct {
	Body struct {
		Workers []queue.Worker `json:"workers"`
	}
}

type encodersOutput struct {
	Body struct {
		Encoders []queue.Encoder `json:"encoders"`
	}
}

func (s *Server) routeFleet() {
	register(s, auth.Admin, huma.Operation{
		OperationID: "list-workers", Method: http.MethodGet, Path: "/v1/workers", Tags: []string{"fleet"},
		Summary: "List the encoders that live, and what each does",
	}, func(ctx context.Context, _ *struct{}) (*workersOutput, error) {
		list, err := s.bus.Workers(ctx)
		if err != nil {
			return nil, fmt.Errorf("list workers: %w", err)
		}
		out := &workersOutput{}
		out.Body.Workers = append([]queue.Worker{}, list...)
		return out, nil
	})
	register(s, auth.Read, huma.Operation{
		OperationID: "list-encoders", Method: http.MethodGet, Path: "/v1/encoders", Tags: []string{"fleet"},
		Summary: "List the codecs that workers have, with their presets",
	}, func(ctx context.Context, _ *struct{}) (*encodersOutput, error) {
		list, err := s.bus.Encoders(ctx)
		if err != nil {
			return nil, fmt.Errorf("list encoders: %w", err)
		}
		out := &encodersOutput{}
		out.Body.Encoders = append([]queue.Encoder{}, list...)
		return out, nil
	})
}
