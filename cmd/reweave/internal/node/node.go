// Package node runs Reweave's services in one process, on servers embedded in it
// or on those that the environment names.
//
// What runs is decided by one map of modules, each of which says which others it
// needs: the four services need the bus and the store, and these need the servers
// beneath. "all" is a module that needs the four services and does nothing itself.
//
//	all ─▶ api, splitter, encoder, muxer ─▶ bus, store ─▶ servers
package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/queue/natsq"
)

// Options say what a node runs, and where.
type Options struct {
	// Dir holds all state of the embedded servers.
	Dir string
	// Ephemeral forgets the jobs of runs before, but not the chunks that they made.
	// It has no place where jobs are kept for good: see [Serves].
	Ephemeral bool
	// Discard forgets the jobs of this run, too, when it ends: see [embed.Options].
	Discard bool
	// Outside uses the NATS and the S3 server that Configs name, and embeds none.
	Outside bool
	// NATSListen and S3Listen open the embedded servers to other processes.
	NATSListen, S3Listen string
	// Modules names what runs: "all", or some of the services.
	Modules []string
	Configs Configs
	Log     *zap.Logger
	Metrics prometheus.Registerer
	// Health is told what does not work yet, or any more. It may be nil.
	Health Health
	// DrainTime is how long the services may finish what they hold when the work is
	// over; without it they stop at once.
	DrainTime time.Duration
}

// Health is told what of the process works.
type Health interface {
	// SetProblem records what is wrong with a component, "" for nothing.
	SetProblem(component, problem string)
}

// Node is a running process of services.
type Node struct {
	o     Options
	stack *embed.Stack
	bus   *natsq.Bus
	store boot.Objects
	group *errgroup.Group
	drain chan struct{}
	ready *readiness
	// closers undo the starts, the last one first.
	closers []func() error
}

// Run starts the modules, calls work once they are all ready, and stops everything
// when work returns. It returns the first error of a module or of work; a
// [*embed.LockedError] when another process uses the directory.
//
// When a module fails, the context that work was given ends.
func Run(ctx context.Context, o Options, work func(context.Context, *Node) error) (err error) {
	names, err := startOrder(o.Modules)
	if err != nil {
		return err
	}
	if o.Dir != "" {
		o.Configs.keepFilesIn(o.Dir)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	n := &Node{o: o, group: group, drain: make(chan struct{}), ready: newReadiness(names)}
	defer func() { err = errors.Join(err, n.close()) }()
	err = n.start(ctx, names)
	if err == nil {
		err = n.ready.await(ctx)
	}
	if err == nil {
		err = work(ctx, n)
	}
	return n.finish(err, stop)
}

func (n *Node) start(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := modules[name].start(ctx, n); err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
	}
	return nil
}

// finish stops the services, in good order when there is time for it. A module's
// own failure tells more than that of the work which it broke.
func (n *Node) finish(err error, stop context.CancelFunc) error {
	close(n.drain)
	if n.o.DrainTime > 0 {
		t := time.AfterFunc(n.o.DrainTime, stop)
		defer t.Stop()
	} else {
		stop()
	}
	if failed := n.group.Wait(); failed != nil {
		return failed
	}
	return err
}

// URL is where the api of this node is reached from this machine.
func (n *Node) URL() string {
	l := n.o.Configs.API.Listener
	if l == nil {
		return ""
	}
	if n.o.Configs.API.TLSCert != "" {
		return "https://" + reachable(l.Addr())
	}
	return "http://" + reachable(l.Addr())
}

// reachable turns "any address" into one that can be dialled.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// Stack is the embedded servers, nil where the node uses others.
func (n *Node) Stack() *embed.Stack { return n.stack }

func (n *Node) close() error {
	var errs []error
	for i := len(n.closers) - 1; i >= 0; i-- {
		errs = append(errs, n.closers[i]())
	}
	return errors.Join(errs...)
}

func (n *Node) onClose(f func() error) { n.closers = append(n.closers, f) }
