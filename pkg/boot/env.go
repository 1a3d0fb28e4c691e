package boot

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/store"
)

// Objects is the object store as a service gets it.
type Objects interface {
	store.Store
	store.Presigner
}

// Env is what a service is given to work with. Services that run in one process
// may share all of it.
type Env struct {
	// Log carries the service's name.
	Log *zap.Logger
	// Metrics is where the service registers its metrics; never the global registry.
	Metrics prometheus.Registerer
	Bus     *natsq.Bus
	Store   Objects
	// Drain is closed when the service should take no more work, finish what it
	// holds, and return nil. The context ends when it must stop at once: it then
	// hands its work back and returns.
	Drain <-chan struct{}
	// Ready is called by the service once it serves, and again with what is wrong
	// while it can't ("" when it can).
	Ready func(problem string)
}

// RunFunc is a service: it works until env.Drain is closed and its work is done,
// or until ctx ends. It returns nil for both.
type RunFunc[C any] func(ctx context.Context, cfg C, env Env) error
