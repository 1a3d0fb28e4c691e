package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/store/s3store"
	"github.com/reweave/reweave/services/api"
	"github.com/reweave/reweave/services/encoder"
	"github.com/reweave/reweave/services/muxer"
	"github.com/reweave/reweave/services/splitter"
)

// Services are the modules that a user may choose.
var Services = []string{"api", "splitter", "encoder", "muxer"}

func isService(name string) bool { return slices.Contains(Services, name) }

// module is a part of the process: what must run before it, and how it starts.
// What it leaves running belongs to the node's group.
type module struct {
	needs []string
	start func(context.Context, *Node) error
}

var modules = map[string]module{
	"servers":  {start: startServers},
	"bus":      {needs: []string{"servers"}, start: startBus},
	"store":    {needs: []string{"servers"}, start: startStore},
	"api":      {needs: []string{"bus", "store"}, start: service("api", api.Run, func(n *Node) api.Config { return n.o.Configs.API })},
	"splitter": {needs: []string{"bus", "store"}, start: service("splitter", splitter.Run, func(n *Node) splitter.Config { return n.o.Configs.Splitter })},
	"encoder":  {needs: []string{"bus", "store"}, start: service("encoder", encoder.Run, func(n *Node) encoder.Config { return n.o.Configs.Encoder })},
	"muxer":    {needs: []string{"bus", "store"}, start: service("muxer", muxer.Run, func(n *Node) muxer.Config { return n.o.Configs.Muxer })},
	"health":   {needs: []string{"bus", "store"}, start: startHealth},
	"all":      {needs: Services, start: func(context.Context, *Node) error { return nil }},
}

// startOrder returns the named modules and all that they need, each once and
// behind what it needs.
func startOrder(names []string) ([]string, error) {
	var order []string
	var add func(string)
	add = func(name string) {
		if slices.Contains(order, name) {
			return
		}
		for _, need := range modules[name].needs {
			add(need)
		}
		order = append(order, name)
	}
	if len(names) == 0 {
		names = []string{"all"}
	}
	for _, name := range names {
		if name != "all" && !isService(name) {
			return nil, fault.Userf("unknown-service", "--only", fmt.Sprintf("there is no service %q", name), "use "+strings.Join(Services, ", "))
		}
		add(name)
	}
	add("health")
	return order, nil
}

func startServers(ctx context.Context, n *Node) (err error) {
	if n.o.Outside {
		return nil
	}
	n.stack, err = embed.Start(ctx, embed.Options{
		Dir: n.o.Dir, NATSListen: n.o.NATSListen, S3Listen: n.o.S3Listen, Log: n.o.Log, Ephemeral: n.o.Ephemeral, Discard: n.o.Discard,
	})
	if err != nil {
		return err
	}
	n.onClose(n.stack.Close)
	n.group.Go(func() error {
		select {
		case err := <-n.stack.Failed():
			return fmt.Errorf("run the embedded S3 server: %w", err)
		case <-ctx.Done():
			return nil
		case <-n.drain:
			return nil
		}
	})
	return nil
}

func startBus(ctx context.Context, n *Node) (err error) {
	if n.stack == nil {
		n.bus, err = natsq.Connect(ctx, n.o.Configs.NATS, n.o.Log)
	} else {
		n.bus, err = natsq.Connect(ctx, natsq.Config{}, n.o.Log, n.stack.NATSOptions()...)
	}
	if err != nil {
		return err
	}
	n.onClose(func() error { n.bus.Close(); return nil })
	if n.stack != nil && n.o.NATSListen == "" {
		// Nobody else can hold a lease: whoever did is dead.
		return n.bus.ResetLeases(ctx)
	}
	return nil
}

func startStore(ctx context.Context, n *Node) error {
	cfg := n.o.Configs.S3
	if n.stack != nil {
		cfg = n.stack.S3()
	}
	s, err := s3store.Connect(ctx, cfg)
	if err != nil {
		return err
	}
	n.store = s
	if n.stack == nil {
		return nil
	}
	if n.o.Discard {
		n.onClose(func() error { sweepInTime(n.store, n.o.Log); return nil })
	}
	if n.o.Ephemeral {
		return sweep(ctx, n.store)
	}
	return nil
}

// service makes the start of a service's module.
func service[C any](name string, run boot.RunFunc[C], config func(*Node) C) func(context.Context, *Node) error {
	return func(ctx context.Context, n *Node) error {
		env := boot.Env{
			Log: n.o.Log.Named(name), Metrics: n.o.Metrics, Bus: n.bus, Store: n.store, Drain: n.drain,
			Ready: func(problem string) { n.said(name, problem) },
		}
		n.said(name, "starting")
		n.group.Go(func() error {
			err := run(ctx, config(n), env)
			if err == nil && !n.stopping(ctx) {
				err = errors.New("it ended by itself")
			}
			if err != nil {
				return fmt.Errorf("run %s: %w", name, err)
			}
			return nil
		})
		return nil
	}
}

func (n *Node) said(name, problem string) {
	if n.o.Health != nil {
		n.o.Health.SetProblem(name, problem)
	}
	n.ready.set(name, problem)
}

func (n *Node) stopping(ctx context.Context) bool {
	select {
	case <-n.drain:
		return true
	default:
		return ctx.Err() != nil
	}
}
