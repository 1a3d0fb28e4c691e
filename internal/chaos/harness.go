package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// harness is one run of the command.
type harness struct {
	dir, bin string
	out      io.Writer
	worlds   int
	// short and long are the films that are encoded: a few chunks, and many.
	short, long *film
}

// fault is one kind of harm. Its inject does it, as often as it takes, counts that in
// the row, and returns what did not hold behind it.
type fault struct {
	name   string
	inject func(ctx context.Context, h *harness, r *row) error
}

// faultLimit bounds one fault with all its repetitions.
const faultLimit = 5 * time.Minute

var faults = []fault{
	{"kill -9 a random encoder every 2 s", killEncoders},
	{"kill -9 all encoders, start them past the lease", killAllEncoders},
	{"kill -9 the splitter at every step", pointsOf("splitter")},
	{"kill -9 an encoder at every step", pointsOf("encoder")},
	{"kill -9 the muxer at every step", pointsOf("muxer")},
	{"kill -9 the api at every step", pointsOf("api")},
	{"freeze an encoder past its lease, thaw it later", freezeEncoder},
	{"kill -9 NATS ten times in a job", killNATS},
	{"wipe NATS and submit again", wipeNATS},
	{"damage a stored chunk", damageChunk},
	{"damage a stored segment", damageSegment},
	{"damage the stored plan", damagePlan},
	{"damage the stored manifest", damageManifest},
	{"poison: ffmpeg exits with 3", poison("exit", "exit status 3")},
	{"poison: ffmpeg hangs", poison("hang", "no new frame")},
	{"poison: ffmpeg is killed for memory", poison("oom", "signal: killed")},
	{"poison: ffmpeg crashes", poison("segfault", "signal: segmentation fault")},
	{"poison: ffmpeg leaves a frame out", poison("short", "frames instead of")},
	{"drain the worker that holds a segment", drainWorkers},
	{"cancel in every state, submit again", cancelEverywhere},
	{"4 jobs on 4 workers", jobsOn(4, 4)},
	{"4 jobs on one worker", jobsOn(4, 1)},
	{"50 submissions of one job at once", submitAtOnce},
	{"cut every connection to NATS, then to S3", cutNetwork},
	{"stall the connections past the lease", stallNetwork},
	{"slow the connections to 64 KiB/s", slowNetwork},
}

// all makes the films and what the undisturbed run makes of them, and then injects the
// faults whose name contains only.
func (h *harness) all(ctx context.Context, only string) (rows []row, err error) {
	if err := h.undisturbed(ctx); err != nil {
		return nil, fmt.Errorf("undisturbed run: %w", err)
	}
	for _, f := range faults {
		if !strings.Contains(f.name, only) {
			continue
		}
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
	for _, f := range []*film{h.short, h.long} {
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
