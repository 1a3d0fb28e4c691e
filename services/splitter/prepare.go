package splitter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/mux"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/recipe"
)

// prepare looks at the source, refuses what can't be done, and settles the recipe.
func (w *work) prepare(ctx context.Context) (err error) {
	if w.info, err = w.tool.Probe(ctx, w.src.Input, w.src.Head); err != nil {
		return err
	}
	spec := w.job.Spec
	if w.sound != nil {
		w.info.Audio, spec.Audio = w.sound.info.Audio, "copy"
	}
	notes, err := mux.Check(spec, w.info)
	if err != nil {
		return err
	}
	if w.job.Spec.Like != nil {
		w.info.Video.Picture = w.job.Spec.Like.Adopt(w.info.Video.Picture)
	}
	codec := w.job.Spec.Video.Codec
	if w.info.Video.Picture.Interlaced() && codec != "libx264" {
		return fault.Userf("interlaced", w.src.Input.Name, "the source is interlaced and "+codec+" codes whole frames only here",
			"use libx264, or deinterlace it first, for example with ffmpeg -vf bwdif")
	}
	w.plan = plan.Plan{Version: plan.Version, Job: w.job.ID, Source: w.info, Notes: notes}
	if err := w.choose(ctx, codec); err != nil {
		return err
	}
	return w.planTracks(ctx)
}

// choose settles the recipe: the user's settings, the source's pictures, and the build
// of the encoder to which the job is pinned.
func (w *work) choose(ctx context.Context, codec string) error {
	e, err := w.encoder(ctx, codec)
	if err != nil {
		return err
	}
	picture := w.info.Video.Picture
	want := picture.PixFmt
	if w.job.Spec.Video.PixFmt != "" {
		want = w.job.Spec.Video.PixFmt
		if len(e.PixFmts) > 0 && !slices.Contains(e.PixFmts, want) {
			return fault.Userf("unsupported-pix-fmt", "video.pix_fmt", codec+" does not take "+want,
				"use one of "+strings.Join(e.PixFmts, ", "))
		}
	}
	got, ok := recipe.PixFmt(want, e.PixFmts)
	if !ok {
		return fault.Userf("unsupported-pix-fmt", w.src.Input.Name, codec+" takes nothing like "+want,
			"give --pix-fmt with one of "+strings.Join(e.PixFmts, ", "))
	}
	if got != picture.PixFmt {
		w.plan.Notes = append(w.plan.Notes, fmt.Sprintf("pixel format %s becomes %s", picture.PixFmt, got))
	}
	picture.PixFmt = got
	w.plan.Recipe = recipe.Recipe{
		Settings: w.job.Spec.Video, Encoder: e.Build, Threads: recipe.ThreadsFor(codec, picture),
		Rate: w.info.Video.Rate, Picture: picture, Revision: recipe.Revision,
	}
	return w.checkLike()
}

// checkLike refuses a source that can't share a chunk with what it is to be like.
func (w *work) checkLike() error {
	if w.job.Spec.Like == nil {
		return nil
	}
	r := w.plan.Recipe
	differs := w.job.Spec.Like.Differs(job.Like{Picture: r.Picture, Rate: r.Rate})
	if differs == "" {
		return nil
	}
	return fault.Userf("other-picture", w.src.Input.Name, "it is not what the deliverable was made from: "+differs,
		"export it with the settings of the first one, or encode it anew")
}

// encoder returns the build of an encoder to which the job is pinned, pinning it first
// where it is not. While no worker ever had the encoder, it waits for one.
func (w *work) encoder(ctx context.Context, name string) (queue.Encoder, error) {
	for waited := false; ; waited = true {
		known, err := w.env.Bus.Encoders(ctx)
		if err != nil {
			return queue.Encoder{}, err
		}
		workers, err := w.env.Bus.Workers(ctx)
		if err != nil {
			return queue.Encoder{}, err
		}
		if e, ok := pick(name, w.job.Builds[name], known, workers); ok {
			return e, w.pin(ctx, e)
		}
		if !waited {
			w.env.Log.Info("wait for a worker with the encoder", zap.String("job", w.job.ID), zap.String("encoder", name))
		}
		select {
		case <-ctx.Done():
			return queue.Encoder{}, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// pick chooses a build of an encoder: the pinned one; else the one that most slots of live
// workers have; else, when no worker lives, the one announced last. So an old build that
// left, however late it was announced, gets no job while another one is there.
func pick(name, pinned string, known []queue.Encoder, workers []queue.Worker) (chosen queue.Encoder, ok bool) {
	slots := map[string]int{} // by build
	for _, w := range workers {
		slots[w.Encoders[name].Build] += w.Slots
	}
	for _, e := range known { // the latest announced first
		if e.Name != name || pinned != "" && e.Build != pinned {
			continue
		}
		if !ok || slots[e.Build] > slots[chosen.Build] {
			chosen, ok = e, true
		}
	}
	return chosen, ok
}

func (w *work) pin(ctx context.Context, e queue.Encoder) (err error) {
	if w.job.Builds[e.Name] == e.Build {
		return nil
	}
	w.job, err = w.env.Bus.UpdateJob(ctx, w.job.ID, func(j *job.Job) error {
		if other := j.Builds[e.Name]; other != "" && other != e.Build { // a splitter beside us was faster
			return errRepinned
		}
		if j.Builds == nil {
			j.Builds = map[string]string{}
		}
		j.Builds[e.Name] = e.Build
		return nil
	})
	return err
}

// errRepinned says that the job was given another encoder build while it was split. It is
// split again: a plan has one build.
var errRepinned = &fault.Error{Class: fault.Retry, Type: "encoder-left", Title: "the encoder build that the job began with left the fleet"}

// stillPinned returns an error when the job has other builds than its plan is made for.
func (w *work) stillPinned(ctx context.Context) error {
	j, err := w.env.Bus.Job(ctx, w.job.ID)
	if err != nil || j.State != job.Splitting || maps.Equal(j.Builds, w.job.Builds) {
		return err
	}
	return errRepinned
}

// unknownSlots is how many slots are assumed while no worker is there.
const unknownSlots = 4

// window returns how many tasks of a job may be in the queue at once: those that all the
// workers have in hand, and half as many that wait. A worker that finishes one releases
// the next before it takes another, so that these keep all busy; and a newcomer waits for
// little more than the one that a worker has in hand.
func (s *service) window(ctx context.Context) (int, error) {
	workers, err := s.env.Bus.Workers(ctx)
	if err != nil {
		return 0, err
	}
	slots := 0
	for _, w := range workers {
		slots += w.Slots
	}
	if slots == 0 { // they are still to come
		slots = unknownSlots
	}
	return queue.Window(slots), nil
}
