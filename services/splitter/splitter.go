// Package splitter is the service that cuts sources into segments.
//
// For each job it reads the source from front to back. While the source is still being
// read, segments are stored and encoded; a segment whose chunk is in the store already is
// neither. At the end it writes the plan. Where a job asks what is the same as in another
// deliverable, the source is read for that first.
//
// A splitter that dies leaves nothing that matters: the job's message comes back, the
// source is read again, and all that was stored is found under the same digests.
package splitter

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/cache"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/lifecycle"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/source"
	"github.com/reweave/reweave/pkg/worker"
)

// Config is what the environment may set, under the prefix REWEAVE_SPLITTER.
type Config struct {
	Jobs    int    `envconfig:"JOBS" default:"2" desc:"how many sources of each priority class are split at once"`
	Scratch string `envconfig:"SCRATCH" desc:"directory for temporary files (default: the system's)"`
	// Ahead bounds the segments that wait for an encoder.
	Ahead int64 `envconfig:"AHEAD" default:"4294967296" desc:"bytes of a job's segments that may wait for encoders before the splitter pauses"`

	// Long and Beside keep sources that take long to read, for they wait for encoders or for
	// a slow server, from keeping all others waiting.
	Long   time.Duration `envconfig:"LONG" default:"10s" desc:"after what time a source that is still being read leaves its place to the next one"`
	Beside int           `envconfig:"BESIDE" default:"8" desc:"how many sources, for each of JOBS, may be read on after that"`
	Stall  time.Duration `envconfig:"STALL" default:"2m" desc:"how long the next 64 KiB of a source may take to arrive before it is given up"`

	LocalPaths bool      `ignored:"true"`
	Stdin      io.Reader `ignored:"true"`
}

// Validate reports settings that can't work.
func (c Config) Validate() error {
	if c.Jobs < 1 {
		return fmt.Errorf("JOBS must be at least 1")
	}
	if c.Beside < 1 {
		return fmt.Errorf("BESIDE must be at least 1")
	}
	if c.Long <= 0 || c.Stall <= 0 {
		return fmt.Errorf("LONG and STALL must be more than 0")
	}
	return nil
}

// maxTries is how often a job's source is tried before the job fails, when nothing says
// that trying again is of no use.
const maxTries = 3

type service struct {
	cfg     Config
	env     boot.Env
	tool    *ffmpeg.Tool
	scratch *worker.Scratch
	open    *source.Opener
	claims  *cache.Claimer

	segments prometheus.Counter
	bytes    prometheus.Counter
	reused   prometheus.Counter
	seconds  prometheus.Histogram
}

// Run is the service.
func Run(ctx context.Context, cfg Config, env boot.Env) error {
	tool, err := ffmpeg.Find(ctx)
	if err != nil {
		return err
	}
	if err := boot.TellSandbox(env, tool.Sandbox()); err != nil {
		return err
	}
	scratch, err := worker.OpenScratch(cfg.Scratch)
	if err != nil {
		return err
	}
	defer scratch.Close() // when it fails, the next process sweeps what is left
	s := &service{cfg: cfg, env: env, tool: tool, scratch: scratch, claims: cache.NewClaimer(env.Bus)}
	s.open = &source.Opener{Store: env.Store, HTTP: source.GuardedClient(), Stdin: cfg.Stdin, LocalPaths: cfg.LocalPaths, Stall: cfg.Stall}
	s.metrics()
	jobs := &worker.Jobs{}
	h := lifecycle.Handler{Bus: env.Bus, Store: env.Store, Log: env.Log, Jobs: jobs, Service: "splitter", Tries: maxTries}
	env.Ready("")
	return worker.Pool[*natsq.Lease]{
		Slots: cfg.Jobs,
		// A long source is read for a long time, which no urgent one waits for, and others
		// for a while only.
		Lanes: natsq.EachClass(env.Bus.NextSplit),
		Rests: cfg.Beside,
		Handle: func(ctx context.Context, lease *natsq.Lease, free func()) {
			start := time.Now()
			if cfg.Long > 0 {
				defer time.AfterFunc(cfg.Long, free).Stop()
			}
			if h.Handle(ctx, lease, func(ctx context.Context, id string) error { return s.split(ctx, id, lease.Delivered() > 1) }) {
				s.seconds.Observe(time.Since(start).Seconds())
			}
		},
		Beside: []func(context.Context) error{
			func(ctx context.Context) error { return env.Bus.WatchCancel(ctx, jobs.Cancel) },
		},
	}.Run(ctx, env.Drain)
}

func (s *service) metrics() {
	s.segments = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "reweave_splitter_segments_total", Help: "Segments found in sources.",
	})
	s.bytes = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "reweave_splitter_uploaded_bytes_total", Help: "Bytes of segments stored.",
	})
	s.reused = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "reweave_splitter_reused_total", Help: "Segments whose chunk was in the store already.",
	})
	s.seconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "reweave_splitter_job_seconds", Help: "Time to split a source, in seconds.",
		Buckets: prometheus.ExponentialBuckets(0.1, 3, 10),
	})
	s.env.Metrics.MustRegister(s.segments, s.bytes, s.reused, s.seconds)
}
