package apitest

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/services/api"
)

// running is the service on a listener of the test's.
type running struct {
	addr   string
	env    *testenv.Env
	client *client.Client
	drain  chan struct{}
	ended  chan error
}

func run(ctx context.Context, t *testing.T, cfg api.Config) *running {
	t.Helper()
	env := testenv.Start(t)
	return runOn(ctx, t, env, cfg, env.Log)
}

func runOn(ctx context.Context, t *testing.T, servers *testenv.Env, cfg api.Config, log *zap.Logger) *running {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{addr: ln.Addr().String(), env: servers, client: client.New(ln.Addr().String(), nil), drain: make(chan struct{}), ended: make(chan error, 1)}
	env := servers.Boot("api")
	env.Log = log
	ready := make(chan struct{})
	env.Drain, env.Ready = r.drain, func(string) { close(ready) }
	cfg.Listener = ln
	go func() { r.ended <- api.Run(ctx, cfg, env) }()
	<-ready
	return r
}

func (r *running) over(t *testing.T) {
	t.Helper()
	select {
	case err := <-r.ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("the service did not end")
	}
}

func TestRunDrains(t *testing.T) {
	r := run(t.Context(), t, api.Config{})
	j, err := r.client.Submit(t.Context(), job.Spec{Source: "s3://films/a.mov"}, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	seen, left := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		_, err := r.client.Watch(ctx, j.ID, func(job.Job) { seen <- struct{}{} }, nil)
		left <- err
	}()
	<-seen
	close(r.drain) // a client that follows a job does not hold it up
	r.over(t)
	_, err = r.client.Job(t.Context(), j.ID)
	if e, ok := errors.AsType[*fault.Error](err); !ok || e.Type != "server-unreachable" || e.Class != fault.Retry {
		t.Errorf("a server that is gone: %v", err)
	}
	stop()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the watch ended with %v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	r := run(ctx, t, api.Config{DrainTime: time.Hour})
	stop()
	r.over(t)
}

func TestRunNamesTheAddressItCannotHave(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	err = api.Run(t.Context(), api.Config{Listen: ln.Addr().String()}, testenv.Start(t).Boot("api"))
	if opErr, ok := errors.AsType[*net.OpError](err); !ok || opErr.Op != "listen" {
		t.Errorf("got %v", err)
	}
}
