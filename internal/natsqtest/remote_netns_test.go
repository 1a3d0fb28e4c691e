//go:build netns

package natsqtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/recipe"
	"github.com/reweave/reweave/pkg/store"
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

// settings are what docs/workers.md tells a worker's owner to set.
func (c *cluster) settings() map[string]string {
	return map[string]string{
		"REWEAVE_NATS_URL": c.natsURL(), "REWEAVE_NATS_CA": c.at("ca.pem"), "REWEAVE_NATS_NKEY": c.nats.keys.seed("remote"),
		"REWEAVE_NATS_INBOX": "_INBOX_remote", "REWEAVE_NATS_EXISTING": "true",
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

// A worker on another network, with two addresses and a key for each, encodes through TLS;
// with a wrong one it says which, and gets no work. Its key is its own: it is shut out while
// the cluster goes on, and let in again.
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
	open := c.at("open.seed")
	ok(t, os.WriteFile(open, must(os.ReadFile(c.nats.keys.seed("remote")))(t), 0o600))
	ok(t, os.Chmod(open, 0o644))

	for name, wrong := range map[string]struct {
		key, value string
		want       []string
	}{
		"NATS's authority":  {"REWEAVE_NATS_CA", c.at("other-ca.pem"), []string{"can't reach NATS", "unknown authority"}},
		"the key":           {"REWEAVE_NATS_NKEY", c.nats.keys.seed("unknown"), []string{"can't reach NATS", "Authorization Violation"}},
		"no key":            {"REWEAVE_NATS_NKEY", "", []string{"can't reach NATS", "Authorization Violation"}},
		"a key for all":     {"REWEAVE_NATS_NKEY", open, []string{"REWEAVE_NATS_NKEY: every user of this machine may open the file"}},
		"a password":        {"REWEAVE_NATS_URL", strings.Replace(c.natsURL(), "://", "://encoder:wrong-pass@", 1), []string{"REWEAVE_NATS_NKEY and a user in REWEAVE_NATS_URL: set one of them only"}},
		"another's inbox":   {"REWEAVE_NATS_INBOX", "_INBOX_encoder", []string{"NATS reports an error", "Permissions Violation"}},
		"S3's authority":    {"REWEAVE_S3_CA", c.at("other-ca.pem"), []string{"can't reach S3", "certificate of the object store is not trusted"}},
		"the secret of S3":  {"REWEAVE_S3_SECRET_KEY", "wrong-secret", []string{"can't reach S3", "refused the credentials"}},
		"plain text for S3": {"REWEAVE_S3_ENDPOINT", strings.Replace(c.s3.Endpoint, "https", "http", 1), []string{"can't reach S3", "the object store"}},
	} {
		settings := c.settings()
		settings[wrong.key] = wrong.value
		s, stop := worker(t, namespace, program, settings)
		eventually(t, "the worker to say what is wrong with "+name, func() bool { return s.has(wrong.want...) })
		stop()
		if s.has("wrong-pass") || s.has("wrong-secret") || s.has(string(must(os.ReadFile(open))(t))) {
			t.Errorf("%s: the log tells a secret", name)
		}
		if workers := must(api.Workers(t.Context()))(t); len(workers) != 0 {
			t.Errorf("%s: the worker is listed: %+v", name, workers)
		}
	}

	c.serve(t)
	s, stop := worker(t, namespace, program, c.settings())
	eventually(t, "the worker to be listed", func() bool { return len(must(api.Workers(t.Context()))(t)) == 1 })
	c.encode(t, api, 30)
	c.shutOut(t)
	eventually(t, "the worker to say that it is shut out", func() bool { return s.has("NATS reports an error", "authorization violation") })
	c.letIn(t)
	eventually(t, "the worker to say that it is back", func() bool { return s.has("reconnected to NATS") })
	c.encode(t, api, 31)
	stop()
}

// encode has a film encoded, which only the remote worker can do. Another crf makes it
// another task.
func (c *cluster) encode(t *testing.T, api *natsq.Bus, crf int) {
	t.Helper()
	path := testenv.Media(t, "film.mkv", "-f", "lavfi", "-i", "testsrc2=size=128x96:rate=25:duration=4", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", "25")
	f := must(os.Open(path))(t)
	defer func() { _ = f.Close() }()
	id := ulid.Make().String()
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
