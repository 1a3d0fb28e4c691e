package embed_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap/zaptest"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/store/s3store"
)

func TestMain(m *testing.M) {
	embed.MaybeChild()
	if dir := os.Getenv(helperEnv); dir != "" {
		helper(dir)
	}
	m.Run()
}

func start(t *testing.T, o embed.Options) *embed.Stack {
	t.Helper()
	o.Log = zaptest.NewLogger(t)
	s, err := embed.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, s *embed.Stack) *s3store.Store {
	t.Helper()
	st, err := s3store.Connect(t.Context(), s.S3())
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func put(t *testing.T, s *s3store.Store, key, content string) {
	t.Helper()
	if err := s.Put(t.Context(), key, strings.NewReader(content), int64(len(content)), map[string]string{"m": "1"}); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, s *s3store.Store, key, content string) {
	t.Helper()
	body, info, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	got, err := io.ReadAll(body)
	if err != nil || string(got) != content || info.Meta["m"] != "1" {
		t.Errorf("%s holds %q %v, %v; want %q", key, got, info.Meta, err, content)
	}
}

func stream(t *testing.T, s *embed.Stack, url string, opts ...nats.Option) jetstream.Stream {
	t.Helper()
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	st, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "s", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	return st
}

func TestARestartKeepsObjectsAndStreams(t *testing.T) {
	dir := t.TempDir()
	for n, c := range []struct {
		ephemeral bool
		messages  uint64
	}{{false, 1}, {false, 2}, {true, 1}} {
		s := start(t, embed.Options{Dir: dir, Ephemeral: c.ephemeral})
		if got := stream(t, s, "", s.NATSOptions()...).CachedInfo().State.Msgs; got != c.messages {
			t.Errorf("start %d: %d messages, want %d", n, got, c.messages)
		}
		st := connect(t, s)
		if n == 0 {
			put(t, st, "a/b", "kept")
		}
		want(t, st, "a/b", "kept")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheWorkingDirectoryDoesNotMatter(t *testing.T) {
	t.Chdir(t.TempDir())
	s := start(t, embed.Options{Dir: "data"})
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	st := connect(t, s)
	put(t, st, "a", "content")
	want(t, st, "a", "content")
	stream(t, s, "", s.NATSOptions()...)
	if _, err := os.Stat(filepath.Join(here, "data", "objects", "reweave", "a")); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir("."); err != nil || len(left) != 0 {
		t.Errorf("in the new working directory are %v, %v", left, err)
	}
}

func TestADirectoryInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := start(t, embed.Options{Dir: dir})
	for _, addr := range []string{"", "http://127.0.0.1:8080"} {
		if addr != "" {
			s.Publish(addr)
		}
		_, err := embed.Start(t.Context(), embed.Options{Dir: dir})
		locked, ok := errors.AsType[*embed.LockedError](err)
		if !ok || locked.PID != os.Getpid() || locked.Addr != addr || locked.Dir != dir {
			t.Errorf("a second start says %v (%+v)", err, locked)
		}
	}
	want := connect(t, s)
	put(t, want, "a", "the holder is unharmed")
}

func TestNATSListensForWhoHasTheKey(t *testing.T) {
	dir := t.TempDir()
	s := start(t, embed.Options{Dir: dir, NATSListen: "127.0.0.1:0", S3Listen: "127.0.0.1:0"})
	key := func(file string) nats.Option {
		t.Helper()
		o, err := nats.NkeyOptionFromSeed(file)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	stream(t, s, s.NATSURL(), key(s.NATSSeed()))
	if info, err := os.Stat(s.NATSSeed()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the seed's mode: %v, %v", info, err)
	}
	other := start(t, embed.Options{Dir: t.TempDir(), NATSListen: "127.0.0.1:0"})
	for name, credential := range map[string]nats.Option{
		"nothing": nats.Name("nobody"), "a password": nats.UserInfo("reweave", "wrong"), "another's key": key(other.NATSSeed()),
	} {
		if nc, err := nats.Connect(s.NATSURL(), credential); !errors.Is(err, nats.ErrAuthorization) {
			nc.Close()
			t.Errorf("a stranger with %s connects: %v", name, err)
		}
	}
	before := read(t, s.NATSSeed())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, embed.Options{Dir: dir, NATSListen: "127.0.0.1:0"})
	if read(t, s.NATSSeed()) != before {
		t.Error("a new start has another key")
	}
	if s := start(t, embed.Options{Dir: t.TempDir()}); s.NATSURL() != "" || s.NATSSeed() != "" {
		t.Errorf("without a port the URL is %q, and the seed in %q", s.NATSURL(), s.NATSSeed())
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCredentialsAreOursAlone(t *testing.T) {
	dir := t.TempDir()
	s := start(t, embed.Options{Dir: dir})
	for _, name := range []string{"credentials.json", "holder.json"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	cfg := s.S3()
	cfg.SecretKey = "wrong"
	if _, err := s3store.Connect(t.Context(), cfg); fault.Of(err) != fault.Permanent {
		t.Errorf("a stranger connects: %v", err)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken := start(t, embed.Options{Dir: t.TempDir()}).S3().Endpoint[len("http://"):]
	for name, c := range map[string]struct {
		o    embed.Options
		slug string
		says string
	}{
		"none":         {embed.Options{}, "bad-data-dir", "name one"},
		"a file":       {embed.Options{Dir: file}, "bad-data-dir", "not a directory"},
		"under a file": {embed.Options{Dir: filepath.Join(file, "x")}, "bad-data-dir", "not a directory"},
		"NATS address": {embed.Options{Dir: t.TempDir(), NATSListen: "4222"}, "invalid-setting", "HOST:PORT"},
		"S3 address":   {embed.Options{Dir: t.TempDir(), S3Listen: "9000"}, "invalid-setting", "HOST:PORT"},
		"S3 port":      {embed.Options{Dir: t.TempDir(), S3Listen: taken}, "", "in use"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := embed.Start(context.Background(), c.o)
			if err == nil {
				t.Fatal("it started", s.Close())
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %q, want %q in it", err, c.says)
			}
			if f, ok := errors.AsType[*fault.Error](err); c.slug != "" && (!ok || f.Class != fault.User || f.Type != c.slug) {
				t.Errorf("the fault is %+v, want %s", f, c.slug)
			}
		})
	}
}
