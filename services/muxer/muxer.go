// Package muxer is the service that makes deliverables of finished chunks.
//
// It checks every chunk against the plan, by digest, number of frames and sample
// description, joins them packet by packet, puts audio and the other tracks beside
// them, reads the result back, stores it under a name of its own attempt, and only then
// makes the job done. A muxer that dies on the way leaves an object that the next one
// sweeps up.
package muxer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/lifecycle"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/worker"
)

// Config is what the environment may set, under the prefix REWEAVE_MUXER.
type Config struct {
	Jobs    int           `envconfig:"JOBS" default:"2" desc:"how many deliverables of each priority class are made at once"`
	Scratch string        `envconfig:"SCRATCH" desc:"directory for temporary files, with room for a deliverable (default: the system's)"`
	Sweep   time.Duration `envconfig:"SWEEP" default:"30s" desc:"how often jobs are looked at whose messages may have been lost"`

	BuildGone    time.Duration `envconfig:"BUILD_GONE" default:"5m" desc:"how long a job waits for the encoder build that it began with, when no worker has it any more and others have another build; then it is encoded anew with theirs"`
	StaleUploads time.Duration `envconfig:"STALE_UPLOADS" default:"48h" desc:"after which time uploads in parts that nobody finished are dropped from the bucket; 0 keeps them"`
}

// Validate reports settings that can't work.
func (c Config) Validate() error {
	if c.Jobs < 1 {
		return fmt.Errorf("JOBS must be at least 1")
	}
	return nil
}

// maxTries is how often a deliverable is tried before its job fails.
const maxTries = 5

type service struct {
	cfg     Config
	env     boot.Env
	tool    *ffmpeg.Tool
	scratch *worker.Scratch

	done    prometheus.Counter
	frames  prometheus.Counter
	lost    prometheus.Counter
	seconds prometheus.Histogram
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
	s := &service{cfg: cfg, env: env, tool: tool, scratch: scratch}
	s.metrics()
	jobs := &worker.Jobs{}
	h := lifecycle.Handler{Bus: env.Bus, Store: env.Store, Log: env.Log, Jobs: jobs, Service: "muxer", Tries: maxTries}
	env.Ready("")
	return worker.Pool[*natsq.Lease]{
		Slots: cfg.Jobs,
		Lanes: natsq.EachClass(env.Bus.NextMux),
		Handle: func(ctx context.Context, lease *natsq.Lease, _ func()) {
			start := time.Now()
			if h.Handle(ctx, lease, s.make) {
				s.seconds.Observe(time.Since(start).Seconds())
			}
		},
		Beside: []func(context.Context) error{
			func(ctx context.Context) error { return env.Bus.WatchCancel(ctx, jobs.Cancel) },
			func(ctx context.Context) error { s.sweep(ctx); return nil },
		},
	}.Run(ctx, env.Drain)
}

// make makes a job's deliverable. Where chunks turn out to be lost, it has them made
// again instead, and the job comes back.
func (s *service) make(ctx context.Context, id string) error {
	err := s.mux(ctx, id)
	if lost, ok := errors.AsType[*lostChunks](err); ok {
		s.env.Log.Warn("chunks are lost, they are made again", zap.String("job", id), zap.Error(err))
		return s.redo(context.WithoutCancel(ctx), id, lost)
	}
	return err
}

func (s *service) metrics() {
	s.done = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "reweave_muxer_deliverables_total", Help: "Deliverables made.",
	})
	s.frames = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "reweave_muxer_frames_total", Help: "Frames of the deliverables made.",
	})
	s.lost = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "reweave_muxer_corrupt_chunks_total", Help: "Chunks found missing or damaged, and encoded again.",
	})
	s.seconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "reweave_muxer_job_seconds", Help: "Time to make a deliverable, in seconds.",
		Buckets: prometheus.ExponentialBuckets(0.1, 3, 10),
	})
	s.env.Metrics.MustRegister(s.done, s.frames, s.lost, s.seconds)
}
