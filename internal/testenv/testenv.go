// Package testenv gives tests what Reweave works with: real NATS, real S3 and real
// ffmpeg, fresh for each test and gone behind it.
//
// A package whose tests use it has one line more:
//
//	func TestMain(m *testing.M) { testenv.Main(m) }
package testenv

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/store/s3store"
)

// startLimit bounds how long the servers may take to start on a busy machine.
const startLimit = 30 * time.Second

// Main runs a package's tests; TestMain calls it and nothing else. It makes the
// test binary able to be the S3 server of its tests.
func Main(m *testing.M) {
	embed.MaybeChild()
	m.Run() // the testing package takes the exit code from m
}

// Env is a bus and a store on servers of their own.
type Env struct {
	Bus   *natsq.Bus
	Store *s3store.Store
	Stack *embed.Stack
	// Log writes to the test's log.
	Log *zap.Logger
}

// Start starts an Env that ends with the test.
func Start(t testing.TB) *Env {
	t.Helper()
	e := &Env{Log: Logger(t)}
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	var err error
	if e.Stack, err = embed.Start(ctx, embed.Options{Dir: t.TempDir(), Log: e.Log, S3Users: users()}); err != nil {
		t.Fatalf("start servers: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Stack.Close(); err != nil {
			t.Errorf("stop servers: %v", err)
		}
	})
	if e.Store, err = s3store.Connect(ctx, e.Stack.S3()); err != nil {
		t.Fatal(err)
	}
	e.Bus = e.Connect(t)
	return e
}

// users are the keys of the services, with the rights that they have in a deployment.
func users() []embed.User {
	var all []embed.User
	for _, s := range []string{"api", "splitter", "encoder", "muxer"} {
		all = append(all, embed.User{Service: s, AccessKey: "key-" + s, SecretKey: "secret-of-" + s})
	}
	return all
}

// StoreAs opens the store with the key of a service, which may do no more than it needs.
func (e *Env) StoreAs(t testing.TB, service string) *s3store.Store {
	t.Helper()
	cfg := e.Stack.S3()
	cfg.AccessKey, cfg.SecretKey = "key-"+service, "secret-of-"+service
	st, err := s3store.Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// Connect opens one more bus on the same NATS server, as another process has it.
func (e *Env) Connect(t testing.TB) *natsq.Bus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	bus, err := natsq.Connect(ctx, natsq.Config{}, e.Log.Named("bus"), e.Stack.NATSOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	return bus
}

// Boot is the Env as a service gets it, with its own metrics. The service is not
// drained: its context ends it.
func (e *Env) Boot(service string) boot.Env {
	return boot.Env{
		Log: e.Log.Named(service), Metrics: prometheus.NewRegistry(), Bus: e.Bus, Store: e.Store,
		Drain: make(chan struct{}), Ready: func(string) {},
	}
}

// BootEnv starts an Env for a test of one service.
func BootEnv(t testing.TB) boot.Env {
	t.Helper()
	return Start(t).Boot("service")
}

// Await waits until cond holds, and fails the test when it does not in time. what
// completes the sentence "waited in vain for …".
func Await(t testing.TB, timeout time.Duration, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !cond() {
		select {
		case <-deadline.C:
			if !cond() {
				t.Fatalf("waited %s in vain for %s", timeout, what)
			}
			return
		case <-poll.C:
		}
	}
}

// Logger writes to the test's log, and drops what comes after the test's end.
func Logger(t testing.TB) *zap.Logger {
	t.Helper()
	w := &testLog{t: t}
	t.Cleanup(w.close) // runs behind all later ones
	enc := zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig())
	return zap.New(zapcore.NewCore(enc, w, zapcore.DebugLevel))
}

// testLog is where a test's logger writes to. zaptest's panics when a goroutine
// outlives the test by a line.
type testLog struct {
	mu sync.Mutex
	t  testing.TB // nil once the test is over
}

// Write logs one entry.
func (w *testLog) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.t != nil {
		w.t.Log(strings.TrimSuffix(string(p), "\n"))
	}
	return len(p), nil
}

// Sync has nothing to do.
func (w *testLog) Sync() error { return nil }

func (w *testLog) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t = nil
}
