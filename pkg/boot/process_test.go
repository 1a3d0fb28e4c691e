package boot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"
)

// limit bounds every wait of these tests.
const limit = 20 * time.Second

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestHealth(t *testing.T) {
	h := NewHealth(NewRegistry())
	h.SetProblem("nats", "starting")
	h.SetProblem("encoder", "no ffmpeg")
	if code, body := get(t, h, "/readyz"); code != 503 || body != "encoder: no ffmpeg\nnats: starting\n" {
		t.Errorf("with problems: %d %q", code, body)
	}
	h.SetProblem("nats", "")
	h.SetProblem("encoder", "")
	if code, body := get(t, h, "/readyz"); code != 200 {
		t.Errorf("without problems: %d %q", code, body)
	}
	h.Drain()
	if code, body := get(t, h, "/readyz"); code != 503 || body != "draining\n" {
		t.Errorf("draining: %d %q", code, body)
	}
	if code, _ := get(t, h, "/livez"); code != 200 {
		t.Errorf("draining, and not alive: %d", code)
	}
	if code, body := get(t, h, "/metrics"); code != 200 || !strings.Contains(body, "go_goroutines") {
		t.Errorf("metrics: %d", code)
	}
}

type checkFunc func(context.Context) error

func (f checkFunc) Check(ctx context.Context) error { return f(ctx) }

func TestReadinessFollowsTheChecks(t *testing.T) {
	p := &process{name: "x", log: zaptest.NewLogger(t), health: NewHealth(NewRegistry())}
	good := checkFunc(func(context.Context) error { return nil })
	bad := checkFunc(func(context.Context) error { return errors.New("no answer") })
	p.watchHealth(good, bad)()
	if got := p.health.Problem(); got != "s3: no answer" {
		t.Errorf("got %q", got)
	}
	p.watchHealth(good, good)()
	if got := p.health.Problem(); got != "" {
		t.Errorf("got %q", got)
	}
}

// closes waits until a channel closes.
func closes(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(limit):
		t.Fatalf("not within %v: %s", limit, what)
	}
}

func TestSignals(t *testing.T) {
	for _, c := range []struct {
		name    string
		signals []os.Signal
		grace   time.Duration
	}{
		{"SIGINT stops at once", []os.Signal{syscall.SIGINT}, time.Hour},
		{"a second SIGTERM stops at once", []os.Signal{syscall.SIGTERM, syscall.SIGTERM}, time.Hour},
		{"SIGTERM stops after the grace", []os.Signal{syscall.SIGTERM}, time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			signals := make(chan os.Signal)
			drained := false
			l := newLifetime(signals, c.grace, func() { drained = true })
			for _, s := range c.signals {
				signals <- s
			}
			closes(t, "drain", l.drain)
			closes(t, "end of the context", l.ctx.Done())
			l.end()
			if !drained {
				t.Error("onDrain was not called")
			}
		})
	}
}

func TestSIGTERMLeavesTimeToFinish(t *testing.T) {
	signals := make(chan os.Signal)
	l := newLifetime(signals, time.Hour, func() {})
	starting, cancel := l.starting()
	defer cancel()
	signals <- syscall.SIGTERM
	closes(t, "drain", l.drain)
	closes(t, "end of the start", starting.Done())
	if l.ctx.Err() != nil {
		t.Error("the context ended")
	}
	l.end()
	closes(t, "end of the context", l.ctx.Done())
}

// freeAddr returns an address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestServiceThatWaitsForNATS(t *testing.T) {
	addr := freeAddr(t)
	setenv(t, map[string]string{"REWEAVE_NATS_URL": "nats://127.0.0.1:1", "REWEAVE_HTTP_LISTEN": addr, "REWEAVE_LOG_LEVEL": "error"})
	signals := make(chan os.Signal, 1)
	code := make(chan int, 1)
	go func() {
		code <- start("encoder", func(context.Context, testConfig, Env) error {
			t.Error("the service ran without NATS")
			return nil
		}, signals, io.Discard)
	}()
	deadline, tick := time.After(limit), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for body := ""; !strings.Contains(body, "nats: starting"); {
		select {
		case <-deadline:
			t.Fatalf("/readyz does not tell what is missing: %q", body)
		case <-tick.C:
		}
		if r, err := http.Get("http://" + addr + "/readyz"); err == nil {
			b, _ := io.ReadAll(r.Body)
			r.Body.Close()
			body = string(b)
		}
	}
	signals <- syscall.SIGTERM
	select {
	case got := <-code:
		if got != exitOK {
			t.Errorf("exit code %d, want 0", got)
		}
	case <-time.After(limit):
		t.Fatal("SIGTERM did not end it")
	}
}

func TestExitCodes(t *testing.T) {
	never := func(context.Context, testConfig, Env) error { return nil }
	t.Run("configuration", func(t *testing.T) {
		setenv(t, map[string]string{"REWEAVE_ENCODER_SLOTS": "s3cret"})
		var out bytes.Buffer
		if code := start("encoder", never, nil, &out); code != exitConfig {
			t.Errorf("exit code %d", code)
		}
		if want := "reweave encoder: the configuration is wrong:\nREWEAVE_ENCODER_SLOTS: want a whole number\n"; out.String() != want {
			t.Errorf("said %q", out.String())
		}
	})
	t.Run("address in use", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		setenv(t, map[string]string{"REWEAVE_HTTP_LISTEN": l.Addr().String()})
		if code := start("encoder", never, nil, io.Discard); code != exitConfig {
			t.Errorf("exit code %d", code)
		}
	})
}
