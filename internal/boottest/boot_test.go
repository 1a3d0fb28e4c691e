package boottest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/fault"
)

// childEnv makes the test binary the service of the kind that its value names.
const childEnv = "BOOTTEST_SERVICE"

// limit bounds every wait of these tests.
const limit = 30 * time.Second

func TestMain(m *testing.M) {
	if kind := os.Getenv(childEnv); kind != "" {
		boot.Main("encoder", func(ctx context.Context, _ config, env boot.Env) error { return service(ctx, kind, env) })
	}
	testenv.Main(m)
}

type config struct {
	Slots int `envconfig:"SLOTS" default:"1" desc:"slots"`
}

// service is a service that ends in some way.
func service(ctx context.Context, kind string, env boot.Env) error {
	if err := env.Store.Put(ctx, "jobs/x", strings.NewReader("x"), 1, nil); err != nil {
		return err
	}
	if err := env.Bus.EnqueueSplit(ctx, "", "X"); err != nil {
		return err
	}
	switch kind {
	case "fails":
		return errors.New("oops")
	case "misconfigured":
		return fault.Userf("no-ffmpeg", "ffmpeg", "not found", "install it")
	}
	env.Ready("")
	<-env.Drain
	if kind == "hangs" {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// run starts the service against servers of its own, and returns it with the URL of
// its /readyz.
func run(t *testing.T, kind string, env ...string) (*exec.Cmd, string) {
	t.Helper()
	stack, err := embed.Start(t.Context(), embed.Options{Dir: t.TempDir(), Log: testenv.Logger(t), NATSListen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stack.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	s3 := stack.S3()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+kind, "REWEAVE_HTTP_LISTEN="+addr, "REWEAVE_NATS_URL="+stack.NATSURL(), "REWEAVE_NATS_NKEY="+stack.NATSSeed(),
		"REWEAVE_S3_ENDPOINT="+s3.Endpoint, "REWEAVE_S3_ACCESS_KEY="+s3.AccessKey, "REWEAVE_S3_SECRET_KEY="+s3.SecretKey)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, "http://" + addr + "/readyz"
}

func ready(url string) string {
	r, err := http.Get(url) //nolint:noctx // bounded by the wait around it
	if err != nil {
		return err.Error()
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return fmt.Sprintf("%d %s", r.StatusCode, b)
}

// exit waits for the process and returns its exit code.
func exit(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	late := time.AfterFunc(limit, func() { cmd.Process.Kill() }) //nolint:errcheck // it is gone
	defer late.Stop()
	cmd.Wait() //nolint:errcheck // the code tells
	return cmd.ProcessState.ExitCode()
}

func TestServiceThatEndsByItself(t *testing.T) {
	for kind, want := range map[string]int{"fails": 1, "misconfigured": 2} {
		t.Run(kind, func(t *testing.T) {
			cmd, _ := run(t, kind)
			if got := exit(t, cmd); got != want {
				t.Errorf("exit code %d, want %d", got, want)
			}
		})
	}
}

func TestServiceThatIsAskedToEnd(t *testing.T) {
	for _, c := range []struct {
		name, kind, drain string
		signals           []os.Signal
	}{
		{"finishes", "works", "1h", []os.Signal{syscall.SIGTERM}},
		{"is stopped when its time is up", "hangs", "100ms", []os.Signal{syscall.SIGTERM}},
		{"is stopped by a second SIGTERM", "hangs", "1h", []os.Signal{syscall.SIGTERM, syscall.SIGTERM}},
		{"is stopped by SIGINT", "hangs", "1h", []os.Signal{syscall.SIGINT}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd, url := run(t, c.kind, "REWEAVE_DRAIN="+c.drain)
			testenv.Await(t, limit, "the service to be ready", func() bool { return ready(url) == "200 ready\n" })
			for i, s := range c.signals {
				if i > 0 { // two at once may become one
					testenv.Await(t, limit, "the service to drain", func() bool { return ready(url) == "503 draining\n" })
				}
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			if code := exit(t, cmd); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
		})
	}
}
