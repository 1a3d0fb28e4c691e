package muxer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/faultpoint"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/lifecycle"
	"github.com/reweave/reweave/pkg/mux"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/splice"
	"github.com/reweave/reweave/pkg/store"
)

// work is the making of one deliverable.
type work struct {
	*service
	job  job.Job
	plan *plan.Plan
	done map[queue.TaskID]queue.Done
	dir  string
}

// mux makes a job's deliverable, unless the job is final or not complete.
func (s *service) mux(ctx context.Context, id string) error {
	j, err := s.env.Bus.Job(ctx, id)
	if err != nil {
		return err
	}
	if j.State.Final() { // perhaps by an earlier delivery of this message
		return lifecycle.Finish(ctx, s.env.Bus, s.env.Store, j)
	}
	if j.State == job.Splitting { // an encoder found a segment lost, and may not ask for splits
		return s.nudge(ctx, j)
	}
	if j.Plan == "" {
		return nil
	}
	w := &work{service: s, job: j}
	if complete, err := w.gather(ctx); err != nil || !complete {
		return err
	}
	if w.job, err = s.env.Bus.UpdateJob(ctx, id, func(j *job.Job) error {
		if j.State != job.Encoding {
			return natsq.ErrUnchanged
		}
		j.State = job.Muxing
		return nil
	}); err != nil || w.job.State != job.Muxing {
		return err
	}
	faultpoint.Hit("muxer.after-claim")
	dir, remove, err := s.scratch.Dir("mux-" + id)
	if err != nil {
		return err
	}
	defer remove()
	w.dir = dir
	out := filepath.Join(dir, "deliverable."+j.Spec.Container)
	if err := w.write(ctx, out); err != nil {
		return err
	}
	return w.publish(ctx, out)
}

// gather reads the plan and the done records, and reports whether none is missing.
func (w *work) gather(ctx context.Context) (complete bool, err error) {
	b, err := store.Read(ctx, w.env.Store, w.job.Plan, w.job.PlanSHA256)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDigest) {
		return false, &lostChunks{why: err}
	} else if err != nil {
		return false, err
	}
	if w.plan, err = plan.Decode(b); err != nil {
		return false, &lostChunks{why: err}
	}
	all, err := w.env.Bus.DoneAll(ctx, w.job.ID)
	if err != nil {
		return false, err
	}
	w.done = map[queue.TaskID]queue.Done{}
	for _, d := range all {
		w.done[d.Task] = d
	}
	return w.complete(ctx)
}

// complete reports whether the done records are all there. One for another chunk than the
// plan has does not count and is dropped: it is of a worker that went on with a plan that
// was given up.
func (w *work) complete(ctx context.Context) (bool, error) {
	missing, foreign := 0, 0
	check := func(id queue.TaskID, key string) error {
		d, ok := w.done[id]
		if !ok {
			missing++
			return nil
		}
		if d.Key == key {
			return nil
		}
		foreign++
		return w.env.Bus.DropDone(ctx, w.job.ID, id)
	}
	for i, s := range w.plan.Segments {
		if err := check(queue.Video(i), s.Key); err != nil {
			return false, err
		}
	}
	for i, a := range w.plan.Audio {
		if a.Key == "" { // copied
			continue
		}
		if err := check(queue.Audio(i), a.Key); err != nil {
			return false, err
		}
	}
	if foreign > 0 {
		return false, &lostChunks{why: fmt.Errorf("%d done records are of another plan", foreign)}
	}
	return missing == 0, nil
}

// write muxes the deliverable into a file. The video passes through a pipe, chunk after
// chunk, so that neither memory nor open files grow with the film.
func (w *work) write(ctx context.Context, out string) error {
	files, err := w.files(ctx, out)
	if err != nil {
		return err
	}
	r, pw, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("open pipe: %w", err)
	}
	defer pw.Close()
	cmd := w.tool.Command(ctx, mux.Args(w.plan, w.job.Spec.Container, files, w.tool.MovieTimescale())...)
	cmd.Reads(files.Reads()...)
	cmd.Writes(filepath.Dir(out))
	cmd.GiveStdin(r)
	if err := cmd.Start(); err != nil {
		return err
	}
	joinErr := w.join(ctx, pw)
	pw.Close()
	waitErr := cmd.Wait(ctx)
	if joinErr != nil && (waitErr == nil || !errors.Is(joinErr, os.ErrClosed) && !isBrokenPipe(joinErr)) {
		return joinErr
	}
	if waitErr != nil {
		return fmt.Errorf("mux: %w", waitErr)
	}
	return joinErr
}

// join writes all chunks as one track to out.
func (w *work) join(ctx context.Context, out io.Writer) error {
	tb := w.plan.TimeBase
	j := splice.NewJoiner(out, splice.Track{
		Timescale: uint32(tb.Den), Rotation: w.plan.Source.Video.Rotation, Frames: w.plan.Frames(),
	})
	origin := w.plan.Start()
	chunks := w.fetchAhead(ctx)
	defer chunks.stop()
	for i, s := range w.plan.Segments {
		end := w.plan.End
		if i+1 < len(w.plan.Segments) {
			end = w.plan.Segments[i+1].Times.First()
		}
		times := s.Times.Slice(origin)
		for k := range times {
			times[k] *= tb.Num
		}
		if err := w.add(ctx, j, chunks, i, times, (end-origin)*tb.Num); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) add(ctx context.Context, j *splice.Joiner, chunks *ahead, i int, times []int64, end int64) error {
	f, err := chunks.next(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	c, err := splice.Open(f)
	if err != nil {
		return &lostChunks{tasks: []queue.TaskID{queue.Video(i)}, why: err}
	}
	return j.Add(c, times, end)
}

// publish stores the deliverable and its manifest and makes the job done.
func (w *work) publish(ctx context.Context, file string) error {
	attempt := newAttempt()
	name := "deliverable." + w.job.Spec.Container
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	sum, size, err := store.Digest(f)
	if err != nil {
		return err
	}
	o := job.Output{
		Key: store.OutputKey(w.job.ID, attempt, name), SHA256: sum, Bytes: size,
		Manifest: store.OutputKey(w.job.ID, attempt, "manifest.json"),
	}
	faultpoint.Hit("muxer.before-store")
	if err := w.storeChecked(ctx, file, f, o); err != nil {
		return err
	}
	faultpoint.Hit("muxer.after-store")
	m, err := w.manifest(o)
	if err != nil {
		return err
	}
	if o.ManifestSHA256, _, err = store.Digest(bytes.NewReader(m)); err != nil {
		return err
	}
	if err := w.env.Store.Put(ctx, o.Manifest, bytes.NewReader(m), int64(len(m)), nil); err != nil {
		return fmt.Errorf("store manifest: %w", err)
	}
	// Once more under the deliverable's digest, by which it is found when only the file is
	// left. An attempt that comes too late stores the same.
	if err := w.env.Store.Put(ctx, store.ManifestKey(w.job.Tenant, o.SHA256), bytes.NewReader(m), int64(len(m)), map[string]string{"sha256": o.ManifestSHA256, "reused": w.reused()}); err != nil {
		return fmt.Errorf("store manifest: %w", err)
	}
	if err := w.note(ctx, o.SHA256); err != nil {
		return err
	}
	faultpoint.Hit("muxer.before-cas")
	j, err := w.env.Bus.UpdateJob(ctx, w.job.ID, func(j *job.Job) error {
		if j.State != job.Muxing {
			return natsq.ErrUnchanged
		}
		now := time.Now().UTC()
		j.State, j.Output, j.Finished = job.Done, &o, &now
		j.Chunks, j.EncodeSeconds = w.tally()
		return nil
	})
	if err != nil {
		return err
	}
	if j.Output == nil || j.Output.Key != o.Key { // cancelled meanwhile, or another muxer was first
		return lifecycle.DeletePrefix(ctx, w.env.Store, store.OutputKey(w.job.ID, attempt, ""))
	}
	faultpoint.Hit("muxer.after-cas")
	w.service.done.Inc()
	w.service.frames.Add(float64(j.Frames))
	return lifecycle.Finish(ctx, w.env.Bus, w.env.Store, j)
}

// storeChecked stores the deliverable while it is read back and compared with the plan.
// Nobody knows of the stored object yet, so that one that fails the check is only swept.
func (w *work) storeChecked(ctx context.Context, path string, f *os.File, o job.Output) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return mux.Verify(ctx, w.tool, w.plan, w.job.Spec.Container, path) })
	g.Go(func() error {
		if err := w.env.Store.Put(ctx, o.Key, f, o.Bytes, map[string]string{"sha256": o.SHA256}); err != nil {
			return fmt.Errorf("store deliverable: %w", err)
		}
		return nil
	})
	err := g.Wait()
	if err != nil {
		err = errors.Join(err, w.env.Store.Delete(context.WithoutCancel(ctx), o.Key))
	}
	return err
}

// tally counts the tasks by how they were done, and adds up the encoders' CPU time.
func (w *work) tally() (c job.Chunks, cpu float64) {
	c.Total = w.plan.Tasks()
	for _, d := range w.done {
		if d.Reused {
			c.Reused++
		} else {
			c.Encoded++
		}
		cpu += d.CPUSeconds
	}
	return c, cpu
}
