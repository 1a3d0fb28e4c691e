package splitter

import (
	"context"
	"fmt"
	"math"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/patch"
	"github.com/reweave/reweave/pkg/plan"
)

// checkMoved refuses a film that doesn't fit the sound of the deliverable that the job
// names: it has another length, or chunks of it at other times.
func (w *work) checkMoved(ctx context.Context) error {
	from := w.job.Spec.Sound
	if from.Base == "" {
		return nil
	}
	base, err := w.base(ctx, from.Base, "sound.base")
	if err != nil {
		return err
	}
	film := w.plan
	film.Segments = w.queue.segments()
	what := moved(base.Plan, &film)
	if what == "" {
		return nil
	}
	return fault.Userf("sound-moved", w.src.Input.Name, what+": the sound of "+from.Name+" would not fit",
		"take this source's own: --audio new; or keep every frame where it was")
}

// rounded is by how much times differ, in seconds, that two containers round.
const rounded = 0.002

// moved says why the sound of base doesn't fit film, "" where it does: a chunk of both is
// shown at another time, or film's length is another, by half a frame at least (containers
// differ in what they tell of the last one).
func moved(base, film *plan.Plan) string {
	for _, r := range patch.Align(keys(base), keys(film)) {
		for i := range r.N {
			was := base.Segments[r.Old+i].Times.First() - base.Start()
			is := film.Segments[r.New+i].Times.First() - film.Start()
			at := float64(was) * base.TimeBase.Float()
			if late := float64(is)*film.TimeBase.Float() - at; math.Abs(late) > rounded {
				return fmt.Sprintf("what was shown at %.3f s is shown %.3f s %s", at, math.Abs(late), laterOr(late))
			}
		}
	}
	if more := film.Duration() - base.Duration(); math.Abs(more) > film.Recipe.Rate.Inv().Float()/2 {
		return fmt.Sprintf("it lasts %.3f s in place of %.3f s", film.Duration(), base.Duration())
	}
	return ""
}

func laterOr(late float64) string {
	if late < 0 {
		return "earlier"
	}
	return "later"
}

func keys(p *plan.Plan) []string {
	all := make([]string, len(p.Segments))
	for i, s := range p.Segments {
		all[i] = s.Key
	}
	return all
}
