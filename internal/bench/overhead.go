package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/boot"
	ff "github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/lifecycle"
	"github.com/reweave/reweave/pkg/matroska"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/recipe"
	"github.com/reweave/reweave/pkg/store"
	"github.com/reweave/reweave/pkg/store/s3store"
	"github.com/reweave/reweave/services/encoder"
	"github.com/reweave/reweave/services/splitter"
)

const (
	// overheadSeconds of the source at the most are encoded, overheadRounds times in each way.
	overheadSeconds = 30
	overheadRounds  = 5
)

// byHand is what the overhead is measured with: one set of segments, encoded by Reweave's
// encoder and by hand.
type byHand struct {
	bus   *natsq.Bus
	store *s3store.Store
	tool  *ff.Tool
	dir   string
	input string
}

// overhead measures what leases, records, digests and storing cost an undisturbed job. The
// encoder service does all tasks of a job, from its first to its last; the peer is plain
// ffmpeg on the same segments, as files: the same encoder command behind the same decoder
// without its hashing, as many at once, and nothing else. The best of five rounds counts
// for each, as other work on the machine can only add.
func (b *bench) overhead(ctx context.Context) error {
	o := &byHand{dir: filepath.Join(b.dir, "overhead"), input: filepath.Join(b.dir, "overhead.mkv")}
	_, _, err := command(ctx, nil, "ffmpeg", "-v", "error", "-nostdin", "-y", "-i", b.input, "-map", "0:v:0", "-t", strconv.Itoa(overheadSeconds), "-c", "copy", o.input)
	if err != nil {
		return err
	}
	stack, err := embed.Start(ctx, embed.Options{Dir: o.dir, Log: zap.NewNop()})
	if err != nil {
		return err
	}
	defer stack.Close()
	if o.bus, err = natsq.Connect(ctx, natsq.Config{}, zap.NewNop(), stack.NATSOptions()...); err != nil {
		return err
	}
	defer o.bus.Close()
	if o.store, err = s3store.Connect(ctx, stack.S3()); err != nil {
		return err
	}
	if o.tool, err = ff.Find(ctx); err != nil {
		return err
	}
	var ours, hand []took
	for range overheadRounds {
		h, r, err := o.round(ctx)
		if err != nil {
			return err
		}
		hand, ours = append(hand, h), append(ours, r)
	}
	b.more("encode phase beside its ffmpegs by hand, wall", ours, hand, func(t took) time.Duration { return t.wall }, "≤ +3 %")
	b.more("the same, CPU", ours, hand, func(t took) time.Duration { return t.cpu }, "")
	return nil
}

// round splits the source, encodes its segments by hand, and then has the service do it.
func (o *byHand) round(ctx context.Context) (hand, ours took, err error) {
	tasks, err := o.split(ctx)
	if err != nil {
		return took{}, took{}, fmt.Errorf("split: %w", err)
	}
	dir, err := os.MkdirTemp(o.dir, "by-hand-")
	if err != nil {
		return took{}, took{}, err
	}
	defer os.RemoveAll(dir)
	for _, t := range tasks {
		if err := store.Fetch(ctx, o.store, t.Source, t.SHA256, filepath.Join(dir, string(t.ID))); err != nil {
			return took{}, took{}, err
		}
	}
	hand, err = measured(func() error {
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(runtime.NumCPU())
		for _, t := range tasks {
			g.Go(func() error { return o.encode(gctx, t, filepath.Join(dir, string(t.ID))) })
		}
		return g.Wait()
	})
	if err != nil {
		return took{}, took{}, err
	}
	if ours, err = o.serve(ctx, tasks[0].Job); err != nil {
		return took{}, took{}, fmt.Errorf("encode: %w", err)
	}
	return hand, ours, o.sameBytes(ctx, tasks, dir)
}

// encode encodes a segment by hand.
func (o *byHand) encode(ctx context.Context, t queue.Task, file string) error {
	frames, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer frames.Close()
	graph := fmt.Sprintf("[0:v:0]trim=start_pts=%d:end_pts=%d,%s[frames]", t.First*matroska.RankStep, (t.First+t.Frames)*matroska.RankStep, t.Recipe.Convert())
	args := append([]string{"-v", "error", "-nostdin", "-copyts", "-noautorotate", "-threads", "1", "-i", file, "-filter_complex", graph, "-map", "[frames]"}, o.tool.Passthrough()...)
	dec := exec.CommandContext(ctx, "ffmpeg", append(args, "-f", "rawvideo", "-pix_fmt", t.Recipe.Picture.PixFmt, "pipe:1")...)
	dec.Stdout, dec.Stderr = w, os.Stderr
	args = append([]string{"-v", "error"}, t.Recipe.Input()...)
	args = slices.Concat(args, []string{"-i", "pipe:0", "-map", "0:v:0"}, t.Recipe.Args(1), o.tool.Passthrough(), ff.ChunkFlags)
	enc := exec.CommandContext(ctx, "ffmpeg", append(args, "-f", "mp4", "-y", file+".mp4")...)
	enc.Stdin, enc.Stderr = frames, os.Stderr
	err = errors.Join(dec.Start(), enc.Start())
	w.Close()
	if err != nil {
		return err
	}
	return errors.Join(dec.Wait(), enc.Wait())
}

// split has a job split, with a cold cache, and returns its tasks.
func (o *byHand) split(ctx context.Context) ([]queue.Task, error) {
	if err := lifecycle.DeletePrefix(ctx, o.store, "chunks/"); err != nil {
		return nil, err
	}
	has, err := o.tool.Encoders(ctx, []string{"libx264"})
	if err != nil {
		return nil, err
	}
	e := has["libx264"]
	if err := o.bus.AnnounceEncoder(ctx, queue.Encoder{Name: e.Name, Build: e.Build, Presets: e.Presets, PixFmts: e.PixFmts}); err != nil {
		return nil, err
	}
	crf := 23
	spec := job.Spec{Source: o.input, Audio: "none", Video: recipe.Settings{Codec: "libx264", Preset: "medium", CRF: &crf}}.WithDefaults()
	j := job.Job{ID: ulid.Make().String(), State: job.Queued, Spec: spec, Created: time.Now().UTC()}
	if _, _, err := o.bus.CreateJob(ctx, j, ""); err != nil {
		return nil, err
	}
	if err := o.bus.EnqueueSplit(ctx, j.Spec.Class, j.ID); err != nil {
		return nil, err
	}
	if err := o.during(ctx, func(ctx context.Context, env boot.Env) error {
		return splitter.Run(ctx, splitter.Config{Jobs: 1, Ahead: 1 << 40, LocalPaths: true}, env)
	}, func(ctx context.Context) error { return o.planned(ctx, j.ID) }); err != nil {
		return nil, err
	}
	if j, err = o.bus.Job(ctx, j.ID); err != nil {
		return nil, err
	}
	var tasks []queue.Task
	for i := range j.Chunks.Total {
		t, found, err := o.bus.Task(ctx, j.ID, queue.Video(i))
		if err != nil || !found {
			return nil, errors.Join(err, fmt.Errorf("task %d of %d is not known", i, j.Chunks.Total))
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// during runs a service while something else is done.
func (o *byHand) during(ctx context.Context, run func(context.Context, boot.Env) error, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ready, ended := make(chan struct{}), make(chan struct{})
	env := boot.Env{
		Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Bus: o.bus, Store: o.store, Drain: make(chan struct{}),
		Ready: func(string) { close(ready) },
	}
	go func() {
		defer close(ended)
		cancel(run(ctx, env))
	}()
	defer func() { cancel(nil); <-ended }()
	select {
	case <-ready:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return do(ctx)
}

// planned waits until a job is split.
func (o *byHand) planned(ctx context.Context, id string) error {
	watch, stop := context.WithCancel(ctx)
	defer stop()
	var failure error
	err := o.bus.WatchJobs(watch, func(j job.Job) {
		switch {
		case j.ID != id:
		case j.State == job.Failed:
			failure = errors.New(j.Error.Detail)
			stop()
		case j.State == job.Encoding:
			stop()
		}
	})
	return errors.Join(err, failure, ctx.Err())
}

// serve runs the encoder service until the job is ready to be muxed, and returns what that
// took from when it was ready to work.
func (o *byHand) serve(ctx context.Context, id string) (t took, err error) {
	err = o.during(ctx, func(ctx context.Context, env boot.Env) error {
		return encoder.Run(ctx, encoder.Config{Slots: runtime.NumCPU(), Codecs: []string{"libx264"}, Scratch: o.dir}, env)
	}, func(ctx context.Context) error {
		t, err = measured(func() error { return o.asked(ctx, id) })
		return err
	})
	return t, err
}

// asked waits until the job is to be muxed.
func (o *byHand) asked(ctx context.Context, id string) error {
	for {
		lease, err := o.bus.NextMux(ctx)
		if err != nil {
			return err
		}
		// Two encoders that end at once may both have asked for an earlier job.
		if err := lease.Ack(ctx); err != nil || lease.JobID() == id {
			return err
		}
	}
}

// sameBytes wants the chunks to be what ffmpeg made by hand.
func (o *byHand) sameBytes(ctx context.Context, tasks []queue.Task, dir string) error {
	for _, t := range tasks {
		f, err := os.Open(filepath.Join(dir, string(t.ID)+".mp4"))
		if err != nil {
			return err
		}
		sum, _, err := store.Digest(f)
		d, _, derr := o.bus.Done(ctx, t.Job, t.ID)
		if err := errors.Join(err, derr, f.Close()); err != nil {
			return err
		}
		if d.SHA256 != sum {
			return fmt.Errorf("by hand, chunk %s becomes another one", t.ID)
		}
	}
	return nil
}
