package muxer

import (
	"context"
	"fmt"
	"maps"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/lifecycle"
	"github.com/reweave/reweave/pkg/queue/natsq"
)

// fleet is the encoder builds that live workers have: by encoder, then build.
type fleet map[string]map[string]bool

// alive asks for the fleet, unless no job waits for anybody.
func (w *sweeper) alive(ctx context.Context, jobs []job.Job) (fleet, error) {
	f, waits := fleet{}, false
	for _, j := range jobs {
		waits = waits || waitsForEncoders(j)
	}
	if !waits {
		return f, nil
	}
	workers, err := w.env.Bus.Workers(ctx)
	if err != nil {
		return nil, err
	}
	for _, worker := range workers {
		for name, e := range worker.Encoders {
			if f[name] == nil {
				f[name] = map[string]bool{}
			}
			f[name][e.Build] = true
		}
	}
	return f, nil
}

func waitsForEncoders(j job.Job) bool {
	return len(j.Builds) > 0 && (j.State == job.Splitting || j.State == job.Encoding)
}

// left returns the encoders of a job whose build nobody has any more, while others have
// another build of the same encoder. Where nobody has the encoder at all the job waits:
// its workers may come back.
func (f fleet) left(j job.Job) (names []string) {
	if !waitsForEncoders(j) {
		return nil
	}
	for name, build := range j.Builds {
		if builds := f[name]; len(builds) > 0 && !builds[build] {
			names = append(names, name)
		}
	}
	return names
}

// stranded reports whether a job has waited long enough for an encoder build that left.
func (w *sweeper) stranded(j job.Job, f fleet) bool {
	if f == nil { // not known now
		return false
	}
	if len(f.left(j)) == 0 {
		delete(w.gone, j.ID)
		return false
	}
	since, ok := w.gone[j.ID]
	if !ok {
		since = time.Now()
		w.gone[j.ID] = since
	}
	return time.Since(since) >= w.cfg.BuildGone
}

// replan has a job split again for builds that the fleet has: no deliverable mixes two.
// Its chunks of the build that left stay in the store, for the day that it comes back. A
// worker of it that still works on the job, cut off and not gone, does no harm: the muxer
// compares each done record with the plan.
//
// The records go first. A death behind that leaves a job that is encoded anew from the
// tasks it has, which is slower and not wrong.
func (w *sweeper) replan(ctx context.Context, j job.Job, f fleet) error {
	left := f.left(j)
	w.env.Log.Warn("an encoder build left, the job is planned anew", zap.String("job", j.ID), zap.Strings("encoders", left))
	if job.KindOf(j.Spec.Source) == job.Stdin {
		return lifecycle.Fail(ctx, w.env.Bus, w.env.Store, j.ID, &fault.Error{
			Class: fault.Permanent, Type: "encoder-left", Title: fmt.Sprintf("no worker has the build of %v any more that the job began with", left),
			Hint: "standard input can't be read again: run the command again",
		})
	}
	for _, name := range left {
		if build := j.Spec.Builds[name]; build != "" {
			return lifecycle.Fail(ctx, w.env.Bus, w.env.Store, j.ID, fault.Userf("other-build", "builds."+name,
				"the last worker with the build "+build+" of "+name+" has left", "use a worker with the ffmpeg that made it, or leave builds out to encode every chunk anew"))
		}
	}
	if err := w.env.Bus.Restart(ctx, j.ID); err != nil {
		return err
	}
	pinned := j.Builds
	j, err := w.env.Bus.UpdateJob(ctx, j.ID, func(j *job.Job) error {
		if j.State.Final() || !maps.Equal(j.Builds, pinned) {
			return natsq.ErrUnchanged
		}
		builds := maps.Clone(j.Builds)
		for _, name := range left {
			delete(builds, name)
		}
		j.State, j.Plan, j.PlanSHA256, j.Chunks.Total, j.Builds = job.Splitting, "", "", 0, builds
		return nil
	})
	if err != nil || j.State != job.Splitting {
		return err
	}
	return w.env.Bus.EnqueueSplit(ctx, j.Spec.Class, j.ID)
}

// uploadsEvery is how often stale uploads are looked for.
const uploadsEvery = time.Hour

// dropUploads drops what is left of uploads in parts that nobody finished.
func (w *sweeper) dropUploads(ctx context.Context) error {
	st, ok := w.env.Store.(interface {
		AbortStale(ctx context.Context, age time.Duration) (int, error)
	})
	if !ok || w.cfg.StaleUploads <= 0 || time.Since(w.uploads) < min(uploadsEvery, w.cfg.StaleUploads) {
		return nil
	}
	w.uploads = time.Now()
	n, err := st.AbortStale(ctx, w.cfg.StaleUploads)
	if n > 0 {
		w.env.Log.Info("dropped uploads that nobody finished", zap.Int("uploads", n))
	}
	return err
}
