package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/services/api"
)

// apiConfig is the api's configuration, and who answers for health on its address.
type apiConfig struct {
	api.Config
	front http.Handler
}

// runAPI is [api.Run], with health and metrics on the same address where a node has
// no other one for them.
func runAPI(ctx context.Context, cfg apiConfig, env boot.Env) error {
	if cfg.front == nil || cfg.Listener == nil {
		return api.Run(ctx, cfg.Config, env)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := api.New(ctx, cfg.Config, api.Deps{Bus: env.Bus, Store: env.Store, Log: env.Log, Metrics: env.Metrics, Drain: env.Drain})
	if err != nil {
		return err
	}
	defer s.Wait()
	defer cancel()
	mux := http.NewServeMux()
	mux.Handle("/", s)
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		mux.Handle("GET "+path, cfg.front)
	}
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: zap.NewStdLog(env.Log)}
	env.Ready("")
	return serveUntil(ctx, srv, cfg, env.Drain)
}

// serveUntil serves until drain closes or ctx ends, and lets requests finish.
func serveUntil(ctx context.Context, srv *http.Server, cfg apiConfig, drain <-chan struct{}) error {
	broken := make(chan error, 1)
	go func() { broken <- srv.Serve(cfg.Listener) }()
	select {
	case err := <-broken:
		return fmt.Errorf("serve on %s: %w", cfg.Listener.Addr(), err)
	case <-drain:
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(ctx, cfg.DrainTime)
	defer cancel()
	if srv.Shutdown(grace) != nil {
		_ = srv.Close() // it cuts off what outlasts the drain
	}
	if err := <-broken; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", cfg.Listener.Addr(), err)
	}
	return nil
}

const (
	checkEvery = 5 * time.Second
	checkFor   = 3 * time.Second
)

// checker is what can say whether it works.
type checker interface{ Check(context.Context) error }

// startHealth checks the bus and the store now and then.
func startHealth(ctx context.Context, n *Node) error {
	if n.o.Health == nil {
		return nil
	}
	parts := map[string]checker{"nats": n.bus}
	if s, ok := n.store.(checker); ok {
		parts["s3"] = s
	}
	n.group.Go(func() error {
		tick := time.NewTicker(checkEvery)
		defer tick.Stop()
		for {
			for name, c := range parts {
				n.check(ctx, name, c)
			}
			select {
			case <-tick.C:
			case <-n.drain:
				return nil
			case <-ctx.Done():
				return nil
			}
		}
	})
	return nil
}

func (n *Node) check(ctx context.Context, name string, c checker) {
	ctx, cancel := context.WithTimeout(ctx, checkFor)
	defer cancel()
	problem := ""
	if err := c.Check(ctx); err != nil {
		problem = err.Error()
	}
	n.o.Health.SetProblem(name, problem)
}
