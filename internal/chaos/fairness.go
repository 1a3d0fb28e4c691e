package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/recipe"
	"github.com/reweave/reweave/pkg/store"
)

// The fleet of the fairness table: fairWorkers encoders with two slots each. An encode
// takes one segment time, whatever it costs: the shim waits for the rest of it.
const (
	fairWorkers = 4
	fairSlots   = 2 * fairWorkers
)

// scene is a situation in which some jobs wait beside others.
type scene struct {
	name string
	// beside is what keeps the fleet busy: so many jobs of so many segments of a class.
	beside, segments int
	class            job.Class
	// jobs of 5 segments each arrive, of the classes in turn.
	jobs    int
	arrives []job.Class
	// every is the mean time between two arrivals, may the longest wait for the first
	// segment to begin, at the 99th percentile, both in segment times.
	every, may float64
	// total asks for the end of all, and holds it against the ideal.
	total bool
}

// scenes are the lines of the table. The last bound follows from the share of a waiting
// class, one lease in eight of each worker: eight leases of two slots, and what those
// have in hand.
var scenes = []scene{
	{name: "an idle fleet", jobs: 10, arrives: []job.Class{job.Normal}, every: 4, may: 1},
	{name: "beside a job of 1,500 segments", beside: 1, segments: 1500, class: job.Normal, jobs: 20, arrives: []job.Class{job.Normal}, every: 5, may: 3, total: true},
	{name: "high beside a flood of low", beside: 12, segments: 40, class: job.Low, jobs: 10, arrives: []job.Class{job.High}, every: 4, may: 1},
	{name: "normal and low beside a flood of high", beside: 12, segments: 40, class: job.High, jobs: 4, arrives: []job.Class{job.Low, job.Normal}, every: 8, may: 5},
}

// maxTotal is how long all may take, in ideals: all segments one after the other in all
// slots, without a pause.
const maxTotal = 1.1

// fairRow is a line of the table; waits are in segment times.
type fairRow struct {
	scene
	waits []float64
	ideal float64 // 0 where it was not asked for
	err   error
}

// fairness measures the scenes and prints a table. segment is the segment time.
func (h *harness) fairness(ctx context.Context, out io.Writer, only string, segment time.Duration) error {
	var rows []fairRow
	failed := false
	for _, s := range scenes {
		if !strings.Contains(s.name, only) {
			continue
		}
		r := fairRow{scene: s}
		r.err = h.play(ctx, &r, segment)
		if r.err == nil {
			r.err = r.judge()
		}
		fmt.Fprintf(h.out, "%s: %.2f, %v\n", s.name, r.waits, r.err)
		rows, failed = append(rows, r), failed || r.err != nil
	}
	printFairness(out, rows, segment)
	if failed {
		return errFailed
	}
	return nil
}

// judge says what of a line does not hold.
func (r fairRow) judge() error {
	var errs []error
	if len(r.waits) != r.jobs {
		errs = append(errs, fmt.Errorf("%d of %d jobs were served", len(r.waits), r.jobs))
	} else if got := percentile(r.waits, 99); got > r.may {
		errs = append(errs, fmt.Errorf("waited %.2f, at most %.1f", got, r.may))
	}
	if r.ideal > maxTotal {
		errs = append(errs, fmt.Errorf("took %.2f of the ideal, at most %.2f", r.ideal, maxTotal))
	}
	return errors.Join(errs...)
}

// play runs one scene in a world of its own.
func (h *harness) play(ctx context.Context, r *fairRow, segment time.Duration) error {
	w, err := h.fairWorld(ctx, fairWorkers, 2)
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.tell("least", fmt.Sprintf("%.3f", segment.Seconds())); err != nil {
		return err
	}
	small, err := w.silent(ctx, "small.mkv", 5)
	if err != nil {
		return err
	}
	var flood []string
	if r.beside > 0 {
		if flood, err = w.flood(ctx, r.scene); err != nil {
			return err
		}
	}
	var ids []string
	var came []time.Time
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same arrivals each time
	for i := range r.jobs {
		pause := (0.6 + 0.8*random.Float64()) * r.every * float64(segment)
		if err := rest(ctx, time.Duration(pause)); err != nil {
			return err
		}
		came = append(came, time.Now())
		id, err := w.give(ctx, small, r.arrives[i%len(r.arrives)], 1+i)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := w.allBegun(ctx, ids, 5, segment); err != nil {
		return err
	}
	return w.measure(ctx, r, ids, came, flood, segment)
}

// flood submits what keeps the fleet busy, and returns when it does.
func (w *world) flood(ctx context.Context, s scene) (ids []string, err error) {
	film, err := w.silent(ctx, "flood.mkv", s.segments)
	if err != nil {
		return nil, err
	}
	for i := range s.beside {
		id, err := w.give(ctx, film, s.class, 30+i)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, await(ctx, jobLimit, "a busy fleet", func() (bool, error) {
		b, err := w.begins()
		return len(b) >= 2*fairSlots, err
	})
}

// allBegun waits until all segments of jobs have begun.
func (w *world) allBegun(ctx context.Context, ids []string, segments int, segment time.Duration) error {
	for _, id := range ids {
		if err := await(ctx, jobLimit+100*segment, "the segments of job "+id, func() (bool, error) {
			b, err := w.begins()
			return len(of(b, id)) >= segments, err
		}); err != nil {
			return err
		}
	}
	return nil
}

// measure reads from the shim's notes what a scene was about.
func (w *world) measure(ctx context.Context, r *fairRow, ids []string, came []time.Time, flood []string, segment time.Duration) error {
	if r.total {
		limit := 2 * time.Duration(r.segments/fairSlots) * segment
		if err := await(ctx, limit, "the end of the long job", func() (bool, error) {
			j, err := w.bus.Job(ctx, flood[0])
			return j.State == job.Done && j.Chunks.Total == r.segments, err
		}); err != nil {
			return err
		}
	}
	b, err := w.begins()
	if err != nil {
		return err
	}
	for i, id := range ids {
		r.waits = append(r.waits, of(b, id)[0].at.Sub(came[i]).Seconds()/segment.Seconds())
	}
	if r.total {
		n := r.beside*r.segments + 5*r.jobs
		if len(b) != n {
			return fmt.Errorf("%d encodes began, want %d", len(b), n)
		}
		took := b[len(b)-1].at.Add(segment).Sub(b[0].at)
		r.ideal = took.Seconds() / (float64(n) / fairSlots * segment.Seconds())
	} else if len(flood) > 0 && of(b, ids...)[5*r.jobs-1].at.After(b[len(b)-1].at) {
		return errors.New("the flood was over before the jobs were served")
	}
	return nil
}

// fairWorld starts a fleet whose leases and sweeps are those of production.
func (h *harness) fairWorld(ctx context.Context, workers, slots int) (*world, error) {
	calm := []string{"REWEAVE_NATS_ACK_WAIT=30s", "REWEAVE_MUXER_SWEEP=30s", "REWEAVE_ENCODER_STALL=2m", fmt.Sprintf("REWEAVE_ENCODER_SLOTS=%d", slots)}
	return h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: workers, env: map[string][]string{"": calm}})
}

// silent makes a film of so many segments, without sound, and uploads it.
func (w *world) silent(ctx context.Context, name string, segments int) (*film, error) {
	f := &film{name: name, path: filepath.Join(w.dir, name), seconds: segments, tasks: segments}
	source := fmt.Sprintf("testsrc2=s=64x36:r=25:d=%.2f", float64(12*segments)/25)
	cmd := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", source,
		"-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-g", "12", "-sc_threshold", "0", f.path)
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make %s: %w: %s", name, err, said)
	}
	b, err := os.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	return f, w.store.Put(ctx, store.UploadKey("", f.id(), f.name), bytes.NewReader(b), int64(len(b)), nil)
}

// give submits a film. Jobs with another crf have no chunk in common.
func (w *world) give(ctx context.Context, f *film, class job.Class, crf int) (string, error) {
	j, err := w.api.Submit(ctx, job.Spec{
		Source: "upload:" + f.id(), Name: f.name, Class: class, ChunkMin: 0.4, ChunkMax: 0.6,
		Video: recipe.Settings{Codec: "libx264", Preset: "ultrafast", CRF: &crf},
	}, "")
	return j.ID, err
}

func printFairness(out io.Writer, rows []fairRow, segment time.Duration) {
	fmt.Fprintf(out, "%s, %d cores, %s/%s, %d slots, segments of %s\n\n", time.Now().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, fairSlots, segment)
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| jobs of 5 segments\t| jobs\t| median wait\t| 99th percentile\t| worst\t| may\t| total ÷ ideal\t| result\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, r := range rows {
		result, ideal := "ok", "–"
		if r.err != nil {
			result = "FAILED: " + strings.ReplaceAll(r.err.Error(), "\n", "; ")
		}
		if r.ideal > 0 {
			ideal = fmt.Sprintf("%.3f", r.ideal)
		}
		fmt.Fprintf(w, "| %s\t| %d\t| %.2f\t| %.2f\t| %.2f\t| %.0f\t| %s\t| %s\t|\n", r.name, len(r.waits),
			percentile(r.waits, 50), percentile(r.waits, 99), percentile(r.waits, 100), r.may, ideal, result)
	}
	_ = w.Flush() // what can't be printed can't be told either
}
