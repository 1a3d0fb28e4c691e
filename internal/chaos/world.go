package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/store/s3store"
)

const (
	// lease is REWEAVE_NATS_ACK_WAIT of all services.
	lease = 3 * time.Second
	// startLimit bounds the start of a process on a busy machine, drainLimit its end in good
	// order, which services give themselves a minute for, jobLimit a job's life with its
	// faults, settleLimit what is swept up behind it.
	startLimit  = 45 * time.Second
	drainLimit  = 70 * time.Second
	jobLimit    = 90 * time.Second
	settleLimit = 30 * time.Second
)

// bucket is that of all worlds: the policies of deploy/s3 name it.
const bucket = "reweave"

// fleet is how many there are of each service.
type fleet struct {
	api, splitter, muxer, encoder int
	// env is added to the environment of the services whose name begins with the key.
	env map[string][]string
	// nats and s3, when set, stand between the encoders and the servers.
	nats, s3 *proxy
	// web, when set, stands between all services and S3.
	web *s3proxy
	// cluster has three NATS servers run instead of one.
	cluster bool
	// space is the size of the file system of its own that a server keeps its state on, by
	// the server's kind and as mount has it.
	space map[string]string
	// skew has the services and servers whose name begins with the key run with their
	// clock off, by what the value says; see skew.go.
	skew map[string]string
}

// world is a Reweave of its own: servers and services, all processes.
type world struct {
	h        *harness
	dir      string
	secret   string
	natsKey  string   // the public half of the harness's key
	rights   []string // variables by which servers know the services' keys
	natsAddr string
	s3Addr   string
	nats, s3 *process
	nodes    []*node // of the NATS cluster; nil for one server
	fleet    fleet
	services map[string]*service
	bus      *natsq.Bus
	js       jetstream.JetStream
	store    *s3store.Store
	api      *client.Client
	apiAddr  string
	shim     string
}

// service is one of the fleet: what is started again after a crash.
type service struct {
	kind string
	env  []string
	proc *process
}

// newWorld starts servers and services and returns when encoders have announced
// themselves. The caller ends it.
func (h *harness) newWorld(ctx context.Context, f fleet) (w *world, err error) {
	h.worlds++
	w = &world{
		h: h, dir: filepath.Join(h.dir, fmt.Sprintf("world%d", h.worlds)), secret: rand.Text(),
		services: map[string]*service{}, fleet: f,
	}
	defer func() {
		if err != nil {
			w.end()
		}
	}()
	for _, d := range []string{"log", "tmp", "nats", "objects"} {
		if err := os.MkdirAll(filepath.Join(w.dir, d), 0o700); err != nil {
			return w, err
		}
	}
	if err := w.makeKeys(); err != nil {
		return w, err
	}
	if w.shim, err = w.putShim("shim", ""); err != nil {
		return w, err
	}
	if err := w.startServers(ctx); err != nil {
		return w, err
	}
	if w.apiAddr, err = freePort(); err != nil {
		return w, err
	}
	w.api = client.New("http://"+w.apiAddr, nil)
	return w, w.startFleet(ctx, f)
}

func (w *world) startServers(ctx context.Context) (err error) {
	for _, addr := range []*string{&w.natsAddr, &w.s3Addr} {
		if *addr, err = freePort(); err != nil {
			return err
		}
	}
	if err := errors.Join(w.startAnyNATS(ctx), w.startS3(ctx)); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if w.store, err = s3store.Connect(limited, w.s3Config()); err != nil {
		return err
	}
	if w.bus, err = natsq.Connect(limited, natsq.Config{URL: w.natsURL(w.natsAddr), NKey: w.seed("harness"), AckWait: lease, Replicas: w.replicas()}, zap.NewNop()); err != nil {
		return err
	}
	w.js, err = jetstream.New(w.bus.Conn())
	return err
}

func (w *world) s3Config() s3store.Config {
	return s3store.Config{
		Endpoint: "http://" + w.s3Addr, AccessKey: w.secret, SecretKey: w.secret, Bucket: bucket, Region: "us-east-1",
	}
}

// natsURL is the URL of one server, or of all that are named with commas between.
func (w *world) natsURL(addr string) string {
	var urls []string
	for a := range strings.SplitSeq(addr, ",") {
		urls = append(urls, "nats://"+a)
	}
	return strings.Join(urls, ",")
}

func (w *world) replicas() int { return max(1, len(w.nodes)) }

// server starts this program as a server.
func (w *world) server(kind, addr, dir string) (*process, error) {
	self, err := os.Executable()
	if off := w.skewOf(kind); err == nil && off != "" {
		self, err = w.h.skewed("chaos")
	}
	if err != nil {
		return nil, err
	}
	return w.spawn(kind, self, slices.Concat(os.Environ(), w.rights, []string{
		serverEnv + "=" + kind, addrEnv + "=" + addr, dirEnv + "=" + filepath.Join(w.dir, dir), secretEnv + "=" + w.secret,
		natsKeyEnv + "=" + w.natsKey, spaceEnv + "=" + w.fleet.space[kind], skewEnv + "=" + w.skewOf(kind),
	}))
}

func (w *world) startNATS(ctx context.Context) (err error) {
	if w.nats, err = w.server("nats", w.natsAddr, "nats"); err != nil {
		return err
	}
	return await(ctx, startLimit, "NATS", listens(w.natsAddr))
}

func (w *world) startS3(ctx context.Context) (err error) {
	if w.s3, err = w.server("s3", w.s3Addr, "objects"); err != nil {
		return err
	}
	return await(ctx, startLimit, "S3", listens(w.s3Addr))
}

func listens(addr string) func() (bool, error) {
	return func() (bool, error) {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return false, err
		}
		return true, c.Close()
	}
}

func (w *world) startFleet(ctx context.Context, f fleet) error {
	for _, k := range []struct {
		kind string
		n    int
	}{{"api", f.api}, {"splitter", f.splitter}, {"muxer", f.muxer}, {"encoder", f.encoder}} {
		for i := range k.n {
			name := fmt.Sprintf("%s%d", k.kind, i)
			w.services[name] = &service{kind: k.kind, env: w.environ(name, k.kind, f)}
			if err := w.start(name); err != nil {
				return err
			}
		}
	}
	return w.ready(ctx, f)
}

// ready waits until the encoders are announced and the API answers.
func (w *world) ready(ctx context.Context, f fleet) error {
	return await(ctx, startLimit, "the services", func() (bool, error) {
		if err := w.revive(); err != nil {
			return false, err
		}
		workers, err := w.bus.Workers(ctx)
		if err != nil || len(workers) < f.encoder || f.api == 0 {
			return len(workers) >= f.encoder, err
		}
		res, err := http.Get("http://" + w.apiAddr + "/v1/jobs") //nolint:noctx // on this machine
		if err != nil {
			return false, err
		}
		return res.StatusCode == http.StatusOK, res.Body.Close()
	})
}

// environ is the whole environment of a service.
func (w *world) environ(name, kind string, f fleet) []string {
	natsAddr, s3Addr := w.natsAddr, w.s3Addr
	if kind == "encoder" && f.nats != nil {
		f.nats.lead(natsAddr)
		natsAddr = f.nats.addr()
	}
	if f.web != nil {
		f.web.lead(s3Addr)
		s3Addr = f.web.addr()
	}
	if kind == "encoder" && f.s3 != nil {
		f.s3.lead(s3Addr)
		s3Addr = f.s3.addr()
	}
	env := []string{
		"PATH=" + w.shim + ":" + os.Getenv("PATH"), "HOME=" + w.dir, "TMPDIR=" + filepath.Join(w.dir, "tmp"),
		"REWEAVE_NATS_URL=" + w.natsURL(natsAddr), "REWEAVE_NATS_ACK_WAIT=" + lease.String(),
		"REWEAVE_S3_ENDPOINT=http://" + s3Addr, "REWEAVE_HTTP_LISTEN=127.0.0.1:0", "REWEAVE_LOG_FORMAT=console",
		"REWEAVE_API_LISTEN=" + w.apiAddr, "REWEAVE_MUXER_SWEEP=1s",
		"REWEAVE_ENCODER_NAME=" + name, "REWEAVE_ENCODER_SLOTS=1", "REWEAVE_ENCODER_CODECS=libx264,aac", "REWEAVE_ENCODER_STALL=20s",
		"REWEAVE_NATS_REPLICAS=" + strconv.Itoa(w.replicas()), "GOMAXPROCS=2", skewEnv + "=" + w.skewOf(name),
	}
	env = append(env, w.identity(kind)...)
	for prefix, more := range f.env {
		if strings.HasPrefix(name, prefix) {
			env = append(env, more...)
		}
	}
	return env
}

// forgetChunks empties the cache, so that the next job has everything to encode.
func (w *world) forgetChunks(ctx context.Context) error {
	var keys []string
	for o, err := range w.store.List(ctx, "chunks/") {
		if err != nil {
			return err
		}
		keys = append(keys, o.Key)
	}
	if len(keys) == 0 {
		return nil
	}
	return errors.Join(w.store.Delete(ctx, keys...), w.tell("encodes", ""))
}
