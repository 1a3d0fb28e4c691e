//go:build netns

package natsqtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/oklog/ulid/v2"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/recipe"
	"github.com/reweave/reweave/pkg/store"
	"github.com/reweave/reweave/pkg/store/s3store"
	"github.com/reweave/reweave/services/muxer"
	"github.com/reweave/reweave/services/splitter"
)

// The network of the test: the cluster at one end of a cable, the worker at the other.
const (
	clusterIP = "10.213.77.1"
	workerIP  = "10.213.77.2"
)

// cable makes a network namespace and a cable into it, and returns its name. It needs root.
func cable(t *testing.T) (namespace string) {
	t.Helper()
	namespace = fmt.Sprintf("reweave-%d", os.Getpid())
	near, far := fmt.Sprintf("rwn%d", os.Getpid()), fmt.Sprintf("rwf%d", os.Getpid())
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s (this test needs root and iproute2)", strings.Join(args, " "), err, out)
		}
	}
	ip("netns", "add", namespace)
	t.Cleanup(func() { ip("netns", "delete", namespace) }) // and with it both ends of the cable
	ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", namespace)
	ip("address", "add", clusterIP+"/30", "dev", near)
	ip("link", "set", near, "up")
	ip("-n", namespace, "address", "add", workerIP+"/30", "dev", far)
	ip("-n", namespace, "link", "set", far, "up")
	ip("-n", namespace, "link", "set", "lo", "up")
	return namespace
}

// cluster is NATS and S3 with TLS, at an address that the worker reaches.
type cluster struct {
	dir     string
	natsURL string
	s3      s3store.Config
	stack   *embed.Stack
}

func (c *cluster) at(name string) string { return filepath.Join(c.dir, name) }

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{dir: t.TempDir()}
	ca, other := testenv.NewCA(t), testenv.NewCA(t)
	ca.WriteCert(t, c.at("ca.pem"))
	other.WriteCert(t, c.at("other-ca.pem"))
	ca.Issue(t, c.at("server.pem"), c.at("server.key"), clusterIP)
	for _, s := range services {
		t.Setenv("NATS_"+strings.ToUpper(s)+"_PASSWORD", "p"+s)
	}
	rights := must(filepath.Abs(filepath.Join("..", "..", "deploy", "nats", "permissions.conf")))(t)
	ok(t, os.Symlink(rights, c.at("permissions.conf")))
	conf := "host: " + clusterIP + "\nport: -1\njetstream {store_dir: \"" + t.TempDir() + "\"}\ninclude ./permissions.conf\n" +
		"tls {cert_file: \"" + c.at("server.pem") + "\", key_file: \"" + c.at("server.key") + "\"}\n"
	ok(t, os.WriteFile(c.at("nats.conf"), []byte(conf), 0o600))
	o := must(natsserver.ProcessConfigFile(c.at("nats.conf")))(t)
	o.NoSigs, o.NoLog = true, true
	s := must(natsserver.NewServer(o))(t)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(limit) {
		t.Fatal("NATS is not ready")
	}
	c.natsURL = s.Addr().String()
	var users []embed.User
	for _, s := range services {
		users = append(users, embed.User{Service: s, AccessKey: "key-" + s, SecretKey: "secret-of-" + s})
	}
	var err error
	c.stack, err = embed.Start(within(t, limit), embed.Options{
		Dir: t.TempDir(), S3Listen: clusterIP + ":0", S3Cert: c.at("server.pem"), S3Key: c.at("server.key"), S3Users: users, Log: testenv.Logger(t),
	})
	ok(t, err)
	t.Cleanup(func() { ok(t, c.stack.Close()) })
	c.s3 = c.stack.S3()
	c.s3.CA = c.at("ca.pem")
	return c
}

// settings are what docs/workers.md tells a worker's owner to set.
func (c *cluster) settings() map[string]string {
	return map[string]string{
		"REWEAVE_NATS_URL": "tls://encoder:pencoder@" + c.natsURL, "REWEAVE_NATS_CA": c.at("ca.pem"),
		"REWEAVE_NATS_INBOX": "_INBOX_encoder", "REWEAVE_NATS_EXISTING": "true",
		"REWEAVE_S3_ENDPOINT": c.s3.Endpoint, "REWEAVE_S3_CA": c.at("ca.pem"),
		"REWEAVE_S3_ACCESS_KEY": "key-encoder", "REWEAVE_S3_SECRET_KEY": "secret-of-encoder",
		"REWEAVE_ENCODER_SLOTS": "1", "REWEAVE_ENCODER_CODECS": "libx264", "REWEAVE_HTTP_LISTEN": "127.0.0.1:9090",
	}
}

// said collects what a process says.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps what was said.
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) has(words ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range words {
		if !strings.Contains(s.text.String(), w) {
			return false
		}
	}
	return true
}

// worker runs the encoder's program in the namespace until it is stopped.
func worker(t *testing.T, namespace, program string, settings map[string]string) (s *said, stop func()) {
	t.Helper()
	s = &said{}
	cmd := exec.Command("ip", "netns", "exec", namespace, program)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "REWEAVE_ENCODER_SCRATCH=" + t.TempDir()}
	for k, v := range settings {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Stdout, cmd.Stderr = s, s
	ok(t, cmd.Start())
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the worker said:\n%s", s.text.String())
		}
	})
	t.Cleanup(stop)
	return s, stop
}

// A worker on another network, with two addresses and a credential for each, encodes
// through TLS; with a wrong one it says which, and gets no work.
func TestRemoteWorker(t *testing.T) {
	namespace := cable(t)
	c := newCluster(t)
	program := filepath.Join(t.TempDir(), "reweave-encoder")
	build := exec.Command("go", "build", "-o", program, "./services/encoder/cmd/encoder")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the encoder: %v: %s", err, out)
	}
	api := c.join(t, "api")

	for name, wrong := range map[string]struct {
		key, value string
		want       []string
	}{
		"NATS's authority":  {"REWEAVE_NATS_CA", c.at("other-ca.pem"), []string{"can't reach NATS", "unknown authority"}},
		"the password":      {"REWEAVE_NATS_URL", "tls://encoder:wrong-pass@" + c.natsURL, []string{"can't reach NATS", "Authorization Violation"}},
		"another's name":    {"REWEAVE_NATS_URL", "tls://api:pencoder@" + c.natsURL, []string{"can't reach NATS", "Authorization Violation"}},
		"S3's authority":    {"REWEAVE_S3_CA", c.at("other-ca.pem"), []string{"can't reach S3", "certificate of the object store is not trusted"}},
		"the secret of S3":  {"REWEAVE_S3_SECRET_KEY", "wrong-secret", []string{"can't reach S3", "refused the credentials"}},
		"plain text for S3": {"REWEAVE_S3_ENDPOINT", strings.Replace(c.s3.Endpoint, "https", "http", 1), []string{"can't reach S3", "the object store"}},
	} {
		settings := c.settings()
		settings[wrong.key] = wrong.value
		s, stop := worker(t, namespace, program, settings)
		eventually(t, "the worker to say what is wrong with "+name, func() bool { return s.has(wrong.want...) })
		stop()
		if s.has("wrong-pass") || s.has("wrong-secret") || s.has("pencoder") {
			t.Errorf("%s: the log tells a secret", name)
		}
		if workers := must(api.Workers(t.Context()))(t); len(workers) != 0 {
			t.Errorf("%s: the worker is listed: %+v", name, workers)
		}
	}

	c.serve(t)
	_, stop := worker(t, namespace, program, c.settings())
	eventually(t, "the worker to be listed", func() bool { return len(must(api.Workers(t.Context()))(t)) == 1 })
	c.encode(t, api)
	stop()
}

func (c *cluster) join(t *testing.T, who string) *natsq.Bus {
	t.Helper()
	b, err := natsq.Connect(within(t, limit), natsq.Config{
		URL: "tls://" + who + ":p" + who + "@" + c.natsURL, CA: c.at("ca.pem"), Inbox: "_INBOX_" + who, Existing: who != "api",
	}, testenv.Logger(t))
	ok(t, err)
	t.Cleanup(b.Close)
	return b
}

func (c *cluster) store(t *testing.T, who string) *s3store.Store {
	t.Helper()
	cfg := c.s3
	cfg.AccessKey, cfg.SecretKey = "key-"+who, "secret-of-"+who
	return must(s3store.Connect(within(t, limit), cfg))(t)
}

// serve runs a splitter and a muxer on the cluster's side.
func (c *cluster) serve(t *testing.T) {
	t.Helper()
	env := &testenv.Env{Log: testenv.Logger(t)}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	run := func(who string, f func(boot.Env) error) {
		b := env.Boot(who)
		b.Bus, b.Store = c.join(t, who), c.store(t, who)
		running.Go(func() {
			if err := f(b); err != nil && ctx.Err() == nil {
				t.Errorf("%s: %v", who, err)
			}
		})
	}
	scratch := t.TempDir()
	run("splitter", func(e boot.Env) error {
		return splitter.Run(ctx, splitter.Config{Jobs: 1, Scratch: filepath.Join(scratch, "s")}, e)
	})
	run("muxer", func(e boot.Env) error {
		return muxer.Run(ctx, muxer.Config{Jobs: 1, Scratch: filepath.Join(scratch, "m")}, e)
	})
}

// encode has a film encoded, which only the remote worker can do.
func (c *cluster) encode(t *testing.T, api *natsq.Bus) {
	t.Helper()
	path := testenv.Media(t, "film.mkv", "-f", "lavfi", "-i", "testsrc2=size=128x96:rate=25:duration=4", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", "25")
	f := must(os.Open(path))(t)
	defer func() { _ = f.Close() }()
	id, crf := ulid.Make().String(), 30
	ok(t, c.store(t, "api").Put(t.Context(), store.UploadKey("", id, "film.mkv"), f, must(f.Stat())(t).Size(), nil))
	j, _, err := api.CreateJob(t.Context(), job.Job{
		ID: ulid.Make().String(), State: job.Queued, Created: time.Now(), Updated: time.Now(),
		Spec: job.Spec{Source: "upload:" + id, Video: recipe.Settings{Codec: "libx264", Preset: "ultrafast", CRF: &crf}, ChunkMin: 0.5, ChunkMax: 1}.WithDefaults(),
	}, "")
	ok(t, err)
	ok(t, api.EnqueueSplit(t.Context(), j.Spec.Class, j.ID))
	eventually(t, "the job to be done", func() bool {
		got := must(api.Job(t.Context(), j.ID))(t)
		if got.State == job.Failed {
			t.Fatalf("the job failed: %+v", got.Error)
		}
		return got.State == job.Done && got.Chunks.Total >= 4
	})
}
