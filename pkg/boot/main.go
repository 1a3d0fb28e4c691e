package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/store/s3store"
)

// The exit codes of a service.
const (
	exitOK      = 0
	exitFailure = 1
	exitConfig  = 2
)

// checkEvery is the time between two checks of NATS and S3, checkFor their limit.
const (
	checkEvery = 5 * time.Second
	checkFor   = 3 * time.Second
)

// Main runs a service as this process and exits: with 0 after an orderly end, with
// 1 when the service failed, with 2 when the configuration is wrong.
//
// With the argument "healthcheck" it asks the service that runs on this machine
// whether it is ready instead, and exits with 0 or 1: for containers, which have no
// other program to ask with.
func Main[C any](name string, run RunFunc[C]) {
	if len(os.Args) == 2 && os.Args[1] == "healthcheck" {
		os.Exit(healthcheck(os.Getenv(Prefix+"_HTTP_LISTEN"), os.Stderr))
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	os.Exit(start(name, run, signals, os.Stderr))
}

func start[C any](name string, run RunFunc[C], signals <-chan os.Signal, stderr io.Writer) int {
	base, cfg, err := Load[C](name)
	if err != nil {
		fmt.Fprintf(stderr, "reweave %s: the configuration is wrong:\n%s\n", name, err)
		return exitConfig
	}
	log, err := NewLogger(base.LogFormat, base.LogLevel)
	if err != nil {
		fmt.Fprintf(stderr, "reweave %s: %s\n", name, err)
		return exitConfig
	}
	log = log.Named(name)
	defer log.Sync() //nolint:errcheck // stderr can't be synced everywhere
	p := &process{name: name, base: base, log: log, metrics: NewRegistry()}
	err = p.run(signals, func(ctx context.Context, env Env) error { return run(ctx, cfg, env) })
	switch {
	case err == nil:
		log.Info("ended")
		return exitOK
	case fault.Of(err) == fault.User:
		log.Error("can't run as configured", zap.Error(err))
		return exitConfig
	default:
		log.Error("failed", zap.Error(err))
		return exitFailure
	}
}

// process is a service with what it runs on.
type process struct {
	name    string
	base    Base
	log     *zap.Logger
	metrics *prometheus.Registry
	health  *Health
}

// run answers HTTP, connects, runs the service to its end, and takes all down again.
// An end that was asked for is no error.
func (p *process) run(signals <-chan os.Signal, service func(context.Context, Env) error) error {
	p.health = NewHealth(p.metrics)
	for _, component := range []string{"nats", "s3", p.name} {
		p.health.SetProblem(component, "starting")
	}
	life := newLifetime(signals, p.base.Drain, func() {
		p.log.Info("ending", zap.Duration("drain", p.base.Drain))
		p.health.Drain()
	})
	defer life.end()
	stopHTTP, err := p.serveHTTP()
	if err != nil {
		return err
	}
	defer stopHTTP()
	err = p.runConnected(life, service)
	if life.ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}

func (p *process) runConnected(life *lifetime, service func(context.Context, Env) error) error {
	ctx, cancel := life.starting()
	defer cancel()
	bus, err := natsq.Connect(ctx, p.base.NATS, p.log.Named("nats"))
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer bus.Close()
	objects, err := p.connectS3(ctx)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	stopChecks := p.watchHealth(bus, objects)
	defer stopChecks()
	p.log.Info("connected")
	return service(life.ctx, Env{
		Log: p.log, Metrics: p.metrics, Bus: bus, Store: objects, Drain: life.drain,
		Ready: func(problem string) { p.health.SetProblem(p.name, problem) },
	})
}

// unlessEnded drops the error of a start that was broken off.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // that was asked for
	}
	return err
}

// s3Try is how long the object store is waited for before the log says so.
const s3Try = 5 * time.Second

// connectS3 tries until it succeeds, ctx ends, or the configuration is at fault.
func (p *process) connectS3(ctx context.Context) (*s3store.Store, error) {
	for said := ""; ; {
		try, cancel := context.WithTimeout(ctx, s3Try)
		s, err := s3store.Connect(try, p.base.S3)
		cancel()
		if err == nil || fault.Of(err) == fault.User || ctx.Err() != nil {
			return s, err
		}
		p.health.SetProblem("s3", err.Error())
		if said != err.Error() {
			said = err.Error()
			p.log.Warn("can't reach S3, trying on", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// serveHTTP answers health and metrics until the returned function is called.
func (p *process) serveHTTP() (stop func(), err error) {
	l, err := net.Listen("tcp", p.base.HTTPListen)
	if err != nil {
		return nil, fault.Userf("invalid-setting", "REWEAVE_HTTP_LISTEN", "can't listen there", err.Error())
	}
	server := &http.Server{Handler: p.health, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("can't answer HTTP any more", zap.Error(err))
		}
	}()
	return func() {
		_ = server.Close() // nobody waits for an answer of a process that ends
		<-done
	}, nil
}
