package natsqtest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/recipe"
)

const build = "b01d"

// limit bounds every wait of these tests; a machine under load needs most of it.
const limit = 20 * time.Second

// start runs a server with a store of its own on a port, or on any when it is -1.
func start(t *testing.T, port int) *natsserver.Server {
	t.Helper()
	s, err := natsserver.NewServer(&natsserver.Options{
		ServerName: "test", Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(limit) {
		t.Fatal("NATS is not ready")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

// connect opens a bus on the server with leases of this length.
func connect(t *testing.T, s *natsserver.Server, ackWait time.Duration) *natsq.Bus {
	t.Helper()
	b, err := natsq.Connect(t.Context(), natsq.Config{URL: s.ClientURL(), AckWait: ackWait}, testenv.Logger(t), nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// newBus opens a bus on a server of its own, with leases that last the test.
func newBus(t *testing.T) *natsq.Bus {
	t.Helper()
	return connect(t, start(t, natsserver.RANDOM_PORT), time.Minute)
}

func js(t *testing.T, b *natsq.Bus) jetstream.JetStream {
	t.Helper()
	return must(jetstream.New(b.Conn()))(t)
}

// must takes a result and fails the test when it came with an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// within returns a context that ends after d, or with the test.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline:
			t.Fatalf("not within %v: %s", limit, what)
		case <-tick.C:
		}
	}
}

// inBackground runs fn until it returns, with a context that ends with the test, and
// fails the test if it returns an error.
func inBackground(t *testing.T, fn func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- fn(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("background: %v", err)
		}
	})
}

// list collects values from several goroutines.
type list[T any] struct {
	mu sync.Mutex
	v  []T
}

func (l *list[T]) add(v T) { l.mu.Lock(); defer l.mu.Unlock(); l.v = append(l.v, v) }
func (l *list[T]) all() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]T(nil), l.v...)
}

// newTask makes a task of a class for the one build of these tests.
func newTask(jobID string, id queue.TaskID, class job.Class) queue.Task {
	return queue.Task{Job: jobID, ID: id, Class: class, Recipe: recipe.Recipe{Encoder: build}}
}

// none fails the test if there is work within the time of a few looks.
func none(t *testing.T, next func(context.Context) (*natsq.Lease, error)) {
	t.Helper()
	l, err := next(within(t, 300*time.Millisecond))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("want no work, got %+v, %v", l, err)
	}
}

// tasks returns the NextTask of the one build of these tests.
func tasks(b *natsq.Bus) func(context.Context) (*natsq.Lease, error) {
	return func(ctx context.Context) (*natsq.Lease, error) { return b.NextTask(ctx, []string{build}) }
}
