package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// harness is one run of the command.
type harness struct {
	dir, bin string
	out      io.Writer
	worlds   int
	// brief leaves repetitions out.
	brief bool
	// short and long are the films that are encoded: a few chunks, and many.
	short, long *film
}

// fault is one kind of harm. Its inject does it, as often as it takes, counts that in
// the row, and returns what did not hold behind it.
type fault struct {
	name   string
	inject func(ctx context.Context, h *harness, r *row) error
	// brief says that the fault belongs to the short run.
	brief bool
}

// faultLimit bounds one fault with all its repetitions.
const faultLimit = 5 * time.Minute

var faults = []fault{
	{"kill -9 a random encoder every 2 s", killEncoders, true},
	{"kill -9 all encoders, start them past the lease", killAllEncoders, false},
	{"kill -9 the splitter at every step", pointsOf("splitter"), false},
	{"kill -9 an encoder at every step", pointsOf("encoder"), true},
	{"kill -9 the muxer at every step", pointsOf("muxer"), true},
	{"kill -9 the api at every step", pointsOf("api"), false},
	{"freeze an encoder past its lease, thaw it later", freezeEncoder, false},
	{"kill -9 NATS ten times in a job", killNATS, false},
	{"wipe NATS and submit again", wipeNATS, false},
	{"kill -9 S3 five times in a job", killS3, false},
	{"damage a stored chunk", damageChunk, true},
	{"damage a stored segment", damageSegment, false},
	{"damage the stored plan", damagePlan, false},
	{"damage the stored manifest", damageManifest, false},
	{"poison: ffmpeg exits with 3", poison("exit", "exit status 3"), true},
	{"poison: ffmpeg hangs", poison("hang", "no new frame"), false},
	{"poison: ffmpeg is killed for memory", poison("oom", "signal: killed"), false},
	{"poison: ffmpeg crashes", poison("segfault", "signal: segmentation fault"), false},
	{"poison: ffmpeg leaves a frame out", poison("short", "frames instead of"), false},
	{"drain the worker that holds a segment", drainWorkers, false},
	{"cancel in every state, submit again", cancelEverywhere, false},
	{"kill -9 the api in a cancellation", dieCancelling, false},
	{"kill -9 an encoder as it fails a job", dieFailing, false},
	{"4 jobs on 4 workers", jobsOn(4, 4), false},
	{"4 jobs on one worker", jobsOn(4, 1), false},
	{"50 submissions of one job at once", submitAtOnce, true},
	{"cut every connection to NATS, then to S3", cutNetwork, false},
	{"stall the connections past the lease", stallNetwork, false},
	{"slow the connections to 64 KiB/s", slowNetwork, false},
}

// picked returns the faults whose name contains only; of these, those of the short run
// when brief is set.
func picked(only string, brief bool) (chosen []fault) {
	for _, f := range slices.Concat(faults, outer) {
		if strings.Contains(f.name, only) && (f.brief || !brief) {
			chosen = append(chosen, f)
		}
	}
	return chosen
}

// all makes the films and what the undisturbed run makes of them, and then injects the
// faults that are chosen.
func (h *harness) all(ctx context.Context, chosen []fault) (rows []row, err error) {
	if err := h.undisturbed(ctx); err != nil {
		return nil, fmt.Errorf("undisturbed run: %w", err)
	}
	for _, f := range chosen {
		r := h.one(ctx, f)
		rows = append(rows, r)
		if ctx.Err() != nil {
			return rows, ctx.Err()
		}
	}
	return rows, nil
}

// one injects one fault.
func (h *harness) one(ctx context.Context, f fault) row {
	r := row{name: f.name}
	limited, cancel := context.WithTimeout(ctx, faultLimit)
	defer cancel()
	begin := time.Now()
	r.err = f.inject(limited, h, &r)
	r.took = time.Since(begin)
	if r.redone > r.max {
		r.err = errors.Join(r.err, fmt.Errorf("%d encodes were redone, at most %d may be", r.redone, r.max))
	}
	fmt.Fprintf(h.out, "%s: %d injected, %d redone of %d, %.0f s, %v\n", r.name, r.times, r.redone, r.max, r.took.Seconds(), r.err)
	return r
}

// undisturbed makes the films and runs them once in peace.
func (h *harness) undisturbed(ctx context.Context) (err error) {
	if h.short, err = h.makeFilm(ctx, "short.mkv", 4); err != nil {
		return err
	}
	if h.long, err = h.makeFilm(ctx, "long.mkv", 12); err != nil {
		return err
	}
	w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2})
	if err != nil {
		return err
	}
	defer w.end()
	films := []*film{h.short, h.long}
	if h.brief {
		films = films[:1]
	}
	for _, f := range films {
		if _, err := w.encode(ctx, f); err != nil {
			return err
		}
		fmt.Fprintf(h.out, "%s: %d tasks, digest %.12s\n", f.name, f.tasks, f.want)
	}
	return nil
}

// encode runs a film to its end and holds the outcome against what must be.
func (w *world) encode(ctx context.Context, f *film) (id string, err error) {
	if id, err = w.submit(ctx, f, ""); err != nil {
		return "", err
	}
	if err := w.finish(ctx, id); err != nil {
		return id, err
	}
	return id, w.intact(ctx, f, id)
}

// count adds the redone encodes of jobs to the row.
func (w *world) count(r *row, ids ...string) error {
	n, err := w.redone(ids...)
	r.redone += n
	return err
}
