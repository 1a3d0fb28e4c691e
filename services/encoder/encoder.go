// Package encoder is the service that encodes segments.
//
// A worker has a number of slots; each takes one task at a time. For a task, in this
// order: see whether it is done; encode; store the chunk under its key; commit the done
// record; release the task that is a window ahead; see whether the job is complete;
// acknowledge. A crash between any two steps leaves a task that is done again, or found
// done; two workers with the same task store the same bytes under the same key.
package encoder

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/chunk"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/worker"
)

// Config is what the environment may set, under the prefix REWEAVE_ENCODER.
type Config struct {
	Slots   int           `envconfig:"SLOTS" desc:"how many tasks are encoded at once (default: the number of cores)"`
	Codecs  []string      `envconfig:"CODECS" desc:"encoders to offer, such as libx264,aac (default: all that ffmpeg has)"`
	Scratch string        `envconfig:"SCRATCH" desc:"directory for temporary files (default: the system's)"`
	Memory  int64         `envconfig:"MEMORY" desc:"bytes of memory that all encodes may use together (default: nine tenths of the machine's or the container's)"`
	Stall   time.Duration `envconfig:"STALL" default:"5m" desc:"how long an encode may go without a new frame before it is killed; for half of it a chunk that S3 does not take is kept"`
	Name    string        `envconfig:"NAME" desc:"name of this worker (default: host name and process number)"`
}

// Validate reports settings that can't work.
func (c Config) Validate() error {
	if c.Slots < 0 {
		return fmt.Errorf("SLOTS can't be negative")
	}
	if c.Memory < 0 {
		return fmt.Errorf("MEMORY can't be negative")
	}
	for _, name := range c.Codecs {
		if !slices.Contains(ffmpeg.Names, name) {
			return fmt.Errorf("CODECS: there is no encoder %q; use %v", name, ffmpeg.Names)
		}
	}
	return nil
}

type service struct {
	cfg     Config
	env     boot.Env
	tool    *ffmpeg.Tool
	encode  *chunk.Encoder
	scratch *worker.Scratch
	jobs    worker.Jobs
	me      queue.Worker
	builds  []string
	busy    atomic.Int32
	doing   *doing
	ledger  *ledger
	passing atomic.Int32 // failures in a row for what tasks depend on

	metrics metrics
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
	if cfg.Slots == 0 {
		cfg.Slots = runtime.GOMAXPROCS(0) // which heeds a container's limit
	}
	if cfg.Stall == 0 {
		cfg.Stall = 5 * time.Minute
	}
	scratch, err := worker.OpenScratch(cfg.Scratch)
	if err != nil {
		return err
	}
	defer scratch.Close() // when it fails, the next process sweeps what is left
	s := &service{cfg: cfg, env: env, tool: tool, scratch: scratch, doing: newDoing(), ledger: &ledger{total: memoryOf(cfg.Memory, os.ReadFile)}}
	s.encode = &chunk.Encoder{Tool: tool, Threads: max(1, runtime.GOMAXPROCS(0)/cfg.Slots)}
	s.metrics = newMetrics(env.Metrics)
	if err := s.introduce(ctx); err != nil {
		return err
	}
	env.Ready("")
	return worker.Pool[*natsq.Lease]{
		Slots: cfg.Slots,
		Next:  func(ctx context.Context) (*natsq.Lease, error) { return env.Bus.NextTask(ctx, s.builds) },
		Handle: func(ctx context.Context, lease *natsq.Lease, free func()) {
			s.busy.Add(1)
			idle := sync.OnceFunc(func() { s.busy.Add(-1); free() })
			defer idle()
			s.handle(ctx, lease, idle)
		},
		Beside: []func(context.Context) error{
			func(ctx context.Context) error { return env.Bus.WatchCancel(ctx, s.jobs.Cancel) },
			func(ctx context.Context) error { s.announce(ctx); return nil },
		},
	}.Run(ctx, env.Drain)
}

// introduce finds out what this worker can do and makes it known.
func (s *service) introduce(ctx context.Context) error {
	names := s.cfg.Codecs
	if len(names) == 0 {
		names = ffmpeg.Names
	}
	has, err := s.tool.Encoders(ctx, names)
	if err != nil {
		return err
	}
	if len(has) == 0 {
		return &fault.Error{
			Class: fault.User, Type: "no-encoder", Where: s.tool.Version,
			Title: fmt.Sprintf("it has none of the encoders %v", names), Hint: "install an ffmpeg that has them",
		}
	}
	host, _ := os.Hostname() // a name for people; "" does no harm
	if s.cfg.Name == "" {
		s.cfg.Name = fmt.Sprintf("%s-%d", host, os.Getpid())
	}
	s.me = queue.Worker{
		ID: s.cfg.Name, Host: host, Version: boot.Version(), FFmpeg: s.tool.Version, Slots: s.cfg.Slots, Memory: s.ledger.total,
		Since: time.Now().UTC(), Encoders: map[string]queue.Encoder{},
	}
	for name, e := range has {
		q := queue.Encoder{Name: name, Build: e.Build, Presets: e.Presets, PixFmts: e.PixFmts, Seen: time.Now().UTC()}
		s.me.Encoders[name] = q
		s.builds = append(s.builds, e.Build)
		if err := s.env.Bus.AnnounceEncoder(ctx, q); err != nil {
			return err
		}
	}
	slices.Sort(s.builds)
	return s.env.Bus.Announce(ctx, s.now())
}

// recall makes known again what this worker can do, where a server that lost its store
// knows nothing of it: jobs wait until somebody has their encoder.
func (s *service) recall(ctx context.Context) error {
	for _, mine := range s.me.Encoders {
		if err := s.env.Bus.RecallEncoder(ctx, mine); err != nil {
			return err
		}
	}
	return nil
}

// now returns the worker's entry as of this moment.
func (s *service) now() queue.Worker {
	w := s.me
	w.At, w.Busy = time.Now().UTC(), int(s.busy.Load())
	w.Doing, w.MemoryUsed = s.doing.list(), s.ledger.inUse()
	return w
}

type metrics struct {
	tasks   *prometheus.CounterVec
	frames  prometheus.Counter
	cpu     prometheus.Counter
	seconds *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		tasks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reweave_encoder_tasks_total", Help: "Tasks by codec and outcome: encoded, reused, failed, returned.",
		}, []string{"codec", "outcome"}),
		frames: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "reweave_encoder_frames_total", Help: "Frames encoded.",
		}),
		cpu: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "reweave_encoder_cpu_seconds_total", Help: "CPU time of decoders and encoders, in seconds.",
		}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "reweave_encoder_task_seconds", Help: "Time to encode a task, in seconds.",
			Buckets: prometheus.ExponentialBuckets(0.1, 2.5, 10),
		}, []string{"codec"}),
	}
	reg.MustRegister(m.tasks, m.frames, m.cpu, m.seconds)
	return m
}
