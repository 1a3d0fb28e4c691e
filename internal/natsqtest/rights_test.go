package natsqtest

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/recipe"
	"github.com/reweave/reweave/pkg/store"
	"github.com/reweave/reweave/pkg/store/s3store"
	"github.com/reweave/reweave/services/encoder"
	"github.com/reweave/reweave/services/muxer"
	"github.com/reweave/reweave/services/splitter"
)

var services = []string{"api", "splitter", "encoder", "muxer"}

func TestMain(m *testing.M) { testenv.Main(m) }

// denials are what a client was not allowed.
type denials struct {
	mu   sync.Mutex
	said []string
}

func (d *denials) logger(t *testing.T, who string) *zap.Logger {
	t.Helper()
	return testenv.Logger(t).Named(who).WithOptions(zap.Hooks(func(e zapcore.Entry) error {
		if e.Message == "NATS reports an error" {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.said = append(d.said, who)
		}
		return nil
	}))
}

func (d *denials) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string{}, d.said...)
}

func join(t *testing.T, d *deployment, who string, log *zap.Logger) *natsq.Bus {
	t.Helper()
	c := natsq.Config{URL: d.ClientURL(), Inbox: "_INBOX_" + who, Existing: who != "api", Replicas: 1, AckWait: 30 * time.Second}
	d.show(&c, who)
	ok(t, c.Validate())
	b, err := natsq.Connect(within(t, limit), c, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// inEachMode runs a test with the rights of the services on a server that knows their keys,
// and on one that knows who signs their credentials.
func inEachMode(t *testing.T, test func(*testing.T, *deployment)) {
	t.Helper()
	t.Run("keys", func(t *testing.T) { test(t, deployed(t)) })
	t.Run("credentials", func(t *testing.T) { test(t, operated(t)) })
}

// Each service has the rights for all it does, on NATS and in the store: a job goes from its submission to its
// deliverable, one is cancelled, one fails, and the server denies nothing.
func TestRightsAreEnough(t *testing.T) { inEachMode(t, rightsAreEnough) }

func rightsAreEnough(t *testing.T, server *deployment) {
	t.Helper()
	env := testenv.Start(t)
	var denied denials
	buses, stores := map[string]*natsq.Bus{}, map[string]*s3store.Store{}
	for _, who := range services {
		buses[who], stores[who] = join(t, server, who, denied.logger(t, who)), env.StoreAs(t, who)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	run := func(who string, f func(context.Context) error) {
		running.Go(func() {
			if err := f(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", who, err)
			}
		})
	}
	service := func(who string) boot.Env {
		b := env.Boot(who)
		b.Bus, b.Store = buses[who], stores[who]
		return b
	}
	scratch := map[string]string{"splitter": t.TempDir(), "encoder": t.TempDir(), "muxer": t.TempDir()}
	run("splitter", func(ctx context.Context) error {
		return splitter.Run(ctx, splitter.Config{Jobs: 1, Scratch: scratch["splitter"]}, service("splitter"))
	})
	run("muxer", func(ctx context.Context) error {
		return muxer.Run(ctx, muxer.Config{Jobs: 1, Scratch: scratch["muxer"], Sweep: 50 * time.Millisecond}, service("muxer"))
	})
	run("encoder", func(ctx context.Context) error {
		return encoder.Run(ctx, encoder.Config{Slots: 1, Codecs: []string{"libx264"}, Scratch: scratch["encoder"], Name: "w"}, service("encoder"))
	})

	api := buses["api"]
	submit := func(source string) job.Job {
		crf := 30
		j, _, err := api.CreateJob(t.Context(), job.Job{
			ID: ulid.Make().String(), State: job.Queued, Created: time.Now(), Updated: time.Now(),
			Spec: job.Spec{Source: source, Video: recipe.Settings{Codec: "libx264", Preset: "ultrafast", CRF: &crf}, ChunkMin: 0.5, ChunkMax: 1}.WithDefaults(),
		}, "key "+source)
		ok(t, err)
		ok(t, api.PutSecret(t.Context(), j.ID, "whsec_x"))
		ok(t, api.EnqueueSplit(t.Context(), j.Spec.Class, j.ID))
		ok(t, api.PublishEvent(t.Context(), j, job.EventQueued))
		return j
	}
	film := upload(t, env, testenv.Media(t, "film.mkv", "-f", "lavfi", "-i", "testsrc2=size=128x96:rate=25:duration=4", "-f", "lavfi", "-i", "sine=duration=4", "-c:a", "flac", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", "25"))
	good, bad := submit(film), submit("upload:"+ulid.Make().String())
	for id, want := range map[string]job.State{good.ID: job.Done, bad.ID: job.Failed} {
		eventually(t, "job "+string(want), func() bool {
			j, err := api.Job(t.Context(), id)
			return err == nil && j.State == want
		})
		lease, err := api.NextHook(within(t, limit))
		ok(t, err)
		ok(t, lease.Ack(t.Context()))
		ok(t, api.DropSecret(t.Context(), id))
	}
	_, err := api.UpdateJob(t.Context(), good.ID, func(*job.Job) error { return natsq.ErrUnchanged })
	ok(t, err)
	api.PublishCancel(good.ID)
	ok(t, api.PurgeWork(t.Context(), good.ID))
	must(api.Workers(t.Context()))(t)
	must(buses["encoder"].Workers(t.Context()))(t) // when a task failed, for who else could do it
	must(api.DoneCount(t.Context(), good.ID))(t)
	tendTheCache(t, api, stores["api"])
	ok(t, buses["encoder"].RecallEncoder(t.Context(), must(api.Encoders(t.Context()))(t)[0]))
	eventually(t, "the store to be swept", func() bool {
		for _, err := range env.Store.List(t.Context(), "segments/") {
			ok(t, err)
			return false
		}
		return true
	})
	for who, b := range buses {
		ok(t, errors.Join(b.Check(t.Context()), stores[who].Check(t.Context())))
		if got := denied.all(); len(got) > 0 {
			t.Fatalf("%s: the server denied something to %v; see the log", who, got)
		}
	}
}

// What is not a service's to do is denied it by the server.
func TestRightsAreNoMoreThanEnough(t *testing.T) { inEachMode(t, rightsAreNoMoreThanEnough) }

func rightsAreNoMoreThanEnough(t *testing.T, server *deployment) {
	t.Helper()
	api := join(t, server, "api", testenv.Logger(t))
	j, _, err := api.CreateJob(t.Context(), job.Job{ID: ulid.Make().String(), State: job.Queued}, "")
	ok(t, err)
	ok(t, api.PutSecret(t.Context(), j.ID, "whsec_secret"))
	for _, c := range []struct{ who, does, subject string }{
		{"encoder", "submits a job", "jobq.normal." + j.ID},
		{"encoder", "says that a job is done", "evt." + j.ID + ".done"},
		{"encoder", "cancels a job", "cancel." + j.ID},
		{"encoder", "writes a webhook's secret", "$KV.secrets." + j.ID},
		{"encoder", "reads the secrets", "$JS.API.STREAM.MSG.GET.KV_secrets"},
		{"encoder", "reads all jobs' sources", "$JS.API.CONSUMER.CREATE.JOBQ.x"},
		{"encoder", "deletes a stream", "$JS.API.STREAM.DELETE.SEG"},
		{"encoder", "makes a stream", "$JS.API.STREAM.CREATE.MINE"},
		{"encoder", "claims chunks", "claim.x." + j.ID},
		{"encoder", "evicts chunks", "condemned"},
		{"splitter", "evicts chunks", "condemned"},
		{"muxer", "evicts chunks", "condemned"},
		{"api", "claims chunks for a job", "claims." + j.ID + ".0"},
		{"encoder", "acknowledges a mux", "$JS.ACK.MUX.mux-normal.1.1.1.1.1"},
		{"splitter", "submits a job", "jobq.normal." + j.ID},
		{"splitter", "reads the secrets", "$JS.API.STREAM.MSG.GET.KV_secrets"},
		{"splitter", "says that a worker lives", "$KV.workers.w"},
		{"muxer", "reads the secrets", "$JS.API.STREAM.MSG.GET.KV_secrets"},
		{"muxer", "says what an encoder can do", "$KV.encoders.libx264.b"},
		{"api", "says that a chunk is done", "done." + j.ID + ".v0"},
		{"api", "says that a job is done", "evt." + j.ID + ".done"},
		{"api", "deletes a stream", "$JS.API.STREAM.DELETE.EVENTS"},
	} {
		if err := deny(t, server, c.who, func(nc *nats.Conn) error { return nc.Publish(c.subject, []byte("x")) }); !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("the %s %s: %v", c.who, c.does, err)
		}
	}
	if err := deny(t, server, "encoder", func(nc *nats.Conn) error { return nc.Publish("done."+j.ID+".v0", []byte("x")) }); err != nil {
		t.Errorf("what the encoder may do: %v", err)
	}
	for _, c := range []struct{ who, subject string }{
		{"encoder", "_INBOX_api.>"}, {"encoder", ">"}, {"encoder", "$KV.>"}, {"encoder", "jobq.>"}, {"splitter", "_INBOX.>"}, {"muxer", "$JS.>"},
	} {
		err := deny(t, server, c.who, func(nc *nats.Conn) error { _, err := nc.SubscribeSync(c.subject); return err })
		if !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("the %s listens to %s: %v", c.who, c.subject, err)
		}
	}
	if _, err := nats.Connect(server.ClientURL()); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("without a user: %v", err)
	}
}

// deny does something as a service and returns what the server says of it.
func deny(t *testing.T, d *deployment, who string, do func(*nats.Conn) error) error {
	t.Helper()
	said := make(chan error, 1)
	nc, err := nats.Connect(d.ClientURL(), d.shown(t, who), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		select {
		case said <- err:
		default:
		}
	}))
	ok(t, err)
	defer nc.Close()
	ok(t, do(nc))
	ok(t, nc.FlushTimeout(limit)) // behind the answer: what was denied is known by now
	select {
	case err := <-said:
		return err
	case <-time.After(100 * time.Millisecond): // the client tells it from another goroutine
		return nil
	}
}

// A client with a certificate of the cluster's own CA, and only such a one, comes in.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	ca, other := testenv.NewCA(t), testenv.NewCA(t)
	ca.WriteCert(t, at("ca.pem"))
	other.WriteCert(t, at("other-ca.pem"))
	ca.Issue(t, at("server.pem"), at("server.key"), "nats")
	ca.Issue(t, at("worker.pem"), at("worker.key"), "worker")
	other.Issue(t, at("stranger.pem"), at("stranger.key"), "stranger")
	conf := "host: 127.0.0.1\nport: -1\njetstream {store_dir: \"" + t.TempDir() + "\"}\n" +
		"tls {cert_file: \"" + at("server.pem") + "\", key_file: \"" + at("server.key") + "\", ca_file: \"" + at("ca.pem") + "\", verify: true}\n"
	ok(t, os.WriteFile(at("nats.conf"), []byte(conf), 0o600))
	o := must(natsserver.ProcessConfigFile(at("nats.conf")))(t)
	o.NoSigs, o.NoLog = true, true
	s := must(natsserver.NewServer(o))(t)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(limit) {
		t.Fatal("NATS is not ready")
	}
	good := natsq.Config{URL: "tls://" + s.Addr().String(), CA: at("ca.pem"), Cert: at("worker.pem"), Key: at("worker.key"), Inbox: "_INBOX", Replicas: 1, AckWait: time.Second}
	ok(t, good.Validate())
	b, err := natsq.Connect(within(t, limit), good, testenv.Logger(t))
	ok(t, err)
	defer b.Close()
	ok(t, b.Check(t.Context()))
	if state, err := b.Conn().TLSConnectionState(); err != nil || !state.HandshakeComplete {
		t.Errorf("the connection is not encrypted: %v", err)
	}
	for name, change := range map[string]func(*natsq.Config){
		"a stranger's certificate": func(c *natsq.Config) { c.Cert, c.Key = at("stranger.pem"), at("stranger.key") },
		"no certificate":           func(c *natsq.Config) { c.Cert, c.Key = "", "" },
		"a server of another CA":   func(c *natsq.Config) { c.CA = at("other-ca.pem") },
	} {
		c := good
		change(&c)
		if b, err := natsq.Connect(within(t, time.Second), c, testenv.Logger(t)); err == nil {
			b.Close()
			t.Errorf("with %s it comes in", name)
		}
	}
}

func upload(t *testing.T, env *testenv.Env, path string) (source string) {
	t.Helper()
	f := must(os.Open(path))(t)
	defer func() { _ = f.Close() }()
	size := must(f.Seek(0, io.SeekEnd))(t)
	_ = must(f.Seek(0, io.SeekStart))(t)
	id := ulid.Make().String()
	ok(t, env.Store.Put(t.Context(), store.UploadKey("", id, "film.mkv"), f, size, nil))
	return "upload:" + id
}
