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
	"github.com/reweave/reweave/pkg/worker"
)

// Config is what the environment may set, under the prefix REWEAVE_MUXER.
type Config struct {
	Jobs    int           `envconfig:"JOBS" default:"2" desc:"how many deliverables are made at once"`
	Scratch string        `envconfig:"SCRATCH" desc:"directory for temporary files, with room for a deliverable (default: the system's)"`
	Sweep   time.Duration `envconfig:"SWEEP" default:"30s" desc:"how often jobs are looked at whose messages may have been lost"`
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
	cfg  Config
	env  boot.Env
	tool *ffmpeg.Tool
	jobs worker.Jobs

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
	s := &service{cfg: cfg, env: env, tool: tool}
	s.metrics()
	pull, stop := worker.UntilDrain(ctx, env.Drain)
	defer stop()
	g, gctx := errgroup.WithContext(ctx)
	side, endSide := context.WithCancel(gctx)
	defer endSide()
	g.Go(func() error { return env.Bus.WatchCancel(side, s.jobs.Cancel) })
	g.Go(func() error { s.sweep(side); return nil })
	var workers sync.WaitGroup
	for range max(cfg.Jobs, 1) {
		workers.Add(1)
		g.Go(func() error { defer workers.Done(); return s.loop(gctx, pull) })
	}
	go func() { workers.Wait(); endSide() }()
	env.Ready("")
	return g.Wait()
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

// loop takes one job after another until pull ends.
func (s *service) loop(ctx, pull context.Context) error {
	for {
		lease, err := s.env.Bus.NextMux(pull)
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

// handle makes one deliverable and settles its lease.
func (s *service) handle(ctx context.Context, lease *natsq.Lease) {
	id := lease.JobID()
	log := s.env.Log.With(zap.String("job", id))
	start := time.Now()
	jctx, done := s.jobs.Begin(ctx, id)
	defer done()
	stop := worker.Keep(jctx, lease, s.env.Bus.AckWait(), nil)
	err := s.mux(jctx, id)
	stop()
	settle := context.WithoutCancel(ctx)
	lost, isLost := errors.AsType[*lostChunks](err)
	switch {
	case err == nil:
		s.seconds.Observe(time.Since(start).Seconds())
		err = lease.Ack(settle)
	case errors.Is(context.Cause(jctx), worker.ErrCancelled), errors.Is(err, natsq.ErrNoJob):
		err = lease.Ack(settle)
	case ctx.Err() != nil:
		err = lease.Return(settle, 0)
	case isLost:
		log.Warn("chunks are lost, they are made again", zap.Error(err))
		if err = s.redo(settle, id, lost); err == nil {
			err = lease.Ack(settle)
		}
	case fault.Of(err) == fault.User, fault.Of(err) == fault.Permanent, lease.Delivered() >= maxTries:
		log.Warn("job failed", zap.Error(err))
		if err = lifecycle.Fail(settle, s.env.Bus, s.env.Store, id, err); err == nil {
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
