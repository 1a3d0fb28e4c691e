package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/recipe"
	"github.com/reweave/reweave/pkg/store/s3store"
	"github.com/reweave/reweave/services/splitter"
)

// split measures the splitter alone, from the job's start to its plan, with every
// segment stored. The peer copies the same stream into a file.
func (b *bench) split(ctx context.Context) error {
	peer, _, err := ffmpeg(ctx, "-i", b.input, "-map", "0:v:0", "-c", "copy", filepath.Join(b.dir, "copy.mkv"))
	if err != nil {
		return err
	}
	stack, err := embed.Start(ctx, embed.Options{Dir: filepath.Join(b.dir, "split"), Log: zap.NewNop()})
	if err != nil {
		return err
	}
	defer stack.Close()
	bus, err := natsq.Connect(ctx, natsq.Config{}, zap.NewNop(), stack.NATSOptions()...)
	if err != nil {
		return err
	}
	defer bus.Close()
	objects, err := s3store.Connect(ctx, stack.S3())
	if err != nil {
		return err
	}
	took, err := splitOnce(ctx, b.input, boot.Env{
		Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Bus: bus, Store: objects, Drain: make(chan struct{}), Ready: func(string) {},
	})
	if err != nil {
		return err
	}
	b.add("splitting, wall", secs(took), secs(peer), fmt.Sprintf("%.2f × its speed", peer.Seconds()/took.Seconds()), "≥ 0.5 ×")
	return nil
}

// splitOnce runs a splitter for one job and returns how long that took.
func splitOnce(ctx context.Context, input string, env boot.Env) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// No encoder runs, so that the splitter has the machine to itself; one is announced.
	if err := env.Bus.AnnounceEncoder(ctx, queue.Encoder{Name: "libx264", Build: "0123456789abcdef"}); err != nil {
		return 0, err
	}
	served := make(chan error, 1)
	ready := make(chan struct{})
	env.Ready = func(string) { close(ready) }
	go func() {
		served <- splitter.Run(ctx, splitter.Config{Jobs: 1, Ahead: 1 << 40, LocalPaths: true}, env)
	}()
	select {
	case <-ready:
	case err := <-served:
		return 0, err
	}
	spec := job.Spec{Source: input, Audio: "none", Video: recipe.Settings{Codec: "libx264"}}.WithDefaults()
	j := job.Job{ID: "01BENCHSP1JT00000000000000", State: job.Queued, Spec: spec, Created: time.Now().UTC()}
	if _, _, err := env.Bus.CreateJob(ctx, j, ""); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := env.Bus.EnqueueSplit(ctx, j.Spec.Class, j.ID); err != nil {
		return 0, err
	}
	var took time.Duration
	watch, stop := context.WithCancel(ctx)
	defer stop()
	var failure error
	err := env.Bus.WatchJobs(watch, func(now job.Job) {
		switch now.State {
		case job.Encoding:
			took = time.Since(start)
			stop()
		case job.Failed:
			failure = fmt.Errorf("split: %s", now.Error.Detail)
			stop()
		}
	})
	cancel()
	<-served //nolint:errcheck // it was told to end
	if failure != nil {
		return 0, failure
	}
	return took, err
}
