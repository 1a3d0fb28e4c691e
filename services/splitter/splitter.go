// Package splitter is the service that cuts sources into segments.
//
// For each job it reads the source once, from front to back. While the source is still
// being read, segments are stored and encoded; a segment whose chunk is in the store
// already is neither. At the end it writes the plan.
//
// A splitter that dies leaves nothing that matters: the job's message comes back, the
// source is read again, and all that was stored is found under the same digests.
package splitter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/lifecycle"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/source"
	"github.com/reweave/reweave/pkg/worker"
)

// Config is what the environment may set, under the prefix REWEAVE_SPLITTER.
type Config struct {
	Jobs    int    `envconfig:"JOBS" default:"2" desc:"how many sources are split at once"`
	Scratch string `envconfig:"SCRATCH" desc:"directory for temporary files (default: the system's)"`
	// Ahead bounds the segments that wait for an encoder.
	Ahead int64 `envconfig:"AHEAD" default:"4294967296" desc:"bytes of a job's segments that may wait for encoders before the splitter pauses"`

	LocalPaths bool      `ignored:"true"`
	Stdin      io.Reader `ignored:"true"`
}

// Validate reports settings that can't work.
func (c Config) Validate() error {
	if c.Jobs < 1 {
		return fmt.Errorf("JOBS must be at least 1")
	}
	return nil
}

// maxTries is how often a job's source is tried before the job fails, when nothing says
// that trying again is of no use.
const maxTries = 3

type service struct {
	cfg  Config
	env  boot.Env
	tool *ffmpeg.Tool
	open *source.Opener
	jobs worker.Jobs

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
	s := &service{cfg: cfg, env: env, tool: tool}
	s.open = &source.Opener{Store: env.Store, HTTP: source.GuardedClient(), Stdin: cfg.Stdin, LocalPaths: cfg.LocalPaths}
	s.metrics()
	pull, stop := worker.UntilDrain(ctx, env.Drain)
	defer stop()
	g, gctx := errgroup.WithContext(ctx)
	watch, unwatch := context.WithCancel(gctx)
	g.Go(func() error { return env.Bus.WatchCancel(watch, s.jobs.Cancel) })
	var workers sync.WaitGroup
	for range max(cfg.Jobs, 1) {
		workers.Add(1)
		g.Go(func() error { defer workers.Done(); return s.loop(gctx, pull) })
	}
	go func() { workers.Wait(); unwatch() }()
	env.Ready("")
	return g.Wait()
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

// loop takes one job after another until pull ends.
func (s *service) loop(ctx, pull context.Context) error {
	for {
		lease, err := s.env.Bus.NextSplit(pull)
		if pull.Err() != nil {
			if lease != nil {
				return lease.Return(context.WithoutCancel(ctx), 0)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("take job: %w", err)
		}
		s.handle(ctx, lease)
	}
}

// handle works on one job and settles its lease.
func (s *service) handle(ctx context.Context, lease *natsq.Lease) {
	log := s.env.Log.With(zap.String("job", lease.JobID()))
	start := time.Now()
	jctx, done := s.jobs.Begin(ctx, lease.JobID())
	defer done()
	stop := worker.Keep(jctx, lease, s.env.Bus.AckWait(), nil)
	err := s.split(jctx, lease.JobID(), lease.Delivered() > 1)
	stop()
	settle := context.WithoutCancel(ctx)
	switch {
	case err == nil:
		s.seconds.Observe(time.Since(start).Seconds())
		err = lease.Ack(settle)
	case errors.Is(context.Cause(jctx), worker.ErrCancelled):
		err = lease.Ack(settle)
	case ctx.Err() != nil:
		err = lease.Return(settle, 0)
	case fault.Of(err) == fault.User, fault.Of(err) == fault.Permanent, lease.Delivered() >= maxTries:
		log.Warn("job failed", zap.Error(err))
		if err = lifecycle.Fail(settle, s.env.Bus, s.env.Store, lease.JobID(), err); err == nil {
			err = lease.Ack(settle)
		}
	default:
		log.Warn("try again later", zap.Error(err))
		err = lease.Return(settle, time.Duration(lease.Delivered())*time.Second)
	}
	if err != nil {
		log.Warn("settle job", zap.Error(err)) // its message comes back when the lease ends
	}
}
