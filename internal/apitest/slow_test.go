package apitest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/services/api"
)

// A client that announces a body and never sends it holds a connection no longer than one
// that sends it: not where it is let in, and not where it is refused before the body counts.
func TestBodiesThatNeverCome(t *testing.T) {
	tokens := newTokenFile(t)
	r := run(t.Context(), t, api.Config{Tokens: tokens.path, BodyTimeout: 200 * time.Millisecond})
	token := tokens.add("a", "submit")
	for name, head := range map[string]string{
		"without a token": "POST /v1/jobs HTTP/1.1\r\n",
		"no such route":   "POST /v1/nothing HTTP/1.1\r\n",
		"with a token":    "POST /v1/jobs HTTP/1.1\r\nAuthorization: Bearer " + token + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, head+"Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(conn)
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			if res.StatusCode < 400 {
				t.Errorf("answered %s", res.Status)
			}
			if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
				t.Errorf("the connection is still open: %v", err)
			}
		})
	}
}

// lateBus takes its time, as under load.
type lateBus struct {
	*countedBus
	takes time.Duration
}

func (b *lateBus) ClaimJob(ctx context.Context, id, key string) (string, error) {
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-time.After(b.takes):
	}
	return b.countedBus.ClaimJob(ctx, id, key)
}

// Who sent the whole body in time is answered, whatever the work on it takes.
func TestAnswersMayTakeLongerThanBodies(t *testing.T) {
	f := start(t, api.Config{})
	cfg := api.Config{BodyTimeout: 200 * time.Millisecond}
	s, err := api.New(t.Context(), cfg, api.Deps{Bus: &lateBus{f.bus, 5 * cfg.BodyTimeout}, Store: f.Store, Log: f.Log, Drain: f.drain})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	if _, err := client.New(srv.URL, nil).Submit(t.Context(), job.Spec{Source: "s3://films/a.mov"}, ""); err != nil {
		t.Error(err)
	}
}
