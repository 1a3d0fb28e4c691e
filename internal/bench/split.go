package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"
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
// segment stored. The peer copies the same stream into a file. Of a film this short a good
// part is the start of the programs, so a film ten times as long is split too.
func (b *bench) split(ctx context.Context) error {
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
	env := boot.Env{Log: zap.NewNop(), Bus: bus, Store: objects, Drain: make(chan struct{})}
	if err := b.splits(ctx, "splitting, wall", b.input, env); err != nil {
		return err
	}
	long := filepath.Join(b.dir, "long.mkv")
	if _, _, err := ffmpeg(ctx, "-stream_loop", "9", "-i", b.input, "-map", "0:v:0", "-c", "copy", long); err != nil {
		return err
	}
	return b.splits(ctx, "splitting ten times the film, wall", long, env)
}

// rounds is how often what takes less than a second is measured; the fastest counts.
const rounds = 3

// splits measures both by turns.
func (b *bench) splits(ctx context.Context, what, film string, env boot.Env) error {
	var peer, took time.Duration
	for n := range rounds {
		p, _, err := ffmpeg(ctx, "-i", film, "-map", "0:v:0", "-c", "copy", filepath.Join(b.dir, "copy.mkv"))
		if err != nil {
			return err
		}
		t, err := splitOnce(ctx, film, env)
		if err != nil {
			return err
		}
		if n == 0 {
			peer, took = p, t
		}
		peer, took = min(peer, p), min(took, t)
	}
	b.add(what, secs(took), secs(peer), fmt.Sprintf("%.2f × its speed", peer.Seconds()/took.Seconds()), "≥ 0.5 ×")
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
	env.Ready, env.Metrics = func(string) { close(ready) }, prometheus.NewRegistry()
	go func() {
		served <- splitter.Run(ctx, splitter.Config{Jobs: 1, Ahead: 1 << 40, LocalPaths: true}, env)
	}()
	select {
	case <-ready:
	case err := <-served:
		return 0, err
	}
	id := ulid.Make().String()
	spec := job.Spec{Source: input, Audio: "none", Video: recipe.Settings{Codec: "libx264"}}.WithDefaults()
	j := job.Job{ID: id, State: job.Queued, Spec: spec, Created: time.Now().UTC()}
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
		if now.ID != id {
			return
		}
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
