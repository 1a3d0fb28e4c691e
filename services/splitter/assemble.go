package splitter

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/recipe"
)

// assemble hands on the film: the source's frames, with the edits' in place of those that
// they replace, and whole chunks for the stretches that are the same as another film's.
func (w *work) assemble(ctx context.Context, main *reel, same []stretch) error {
	for _, s := range same {
		if err := w.pass(ctx, main, s.at, 0); err != nil {
			return err
		}
		times, err := w.skip(ctx, main, s.at+s.chunk.Frames)
		if err != nil {
			return err
		}
		if err := w.queue.take(ctx, s, times); err != nil {
			return err
		}
	}
	shift := int64(0) // by which an edit of another length moved what is behind it
	for i, e := range w.job.Spec.Edits {
		if err := w.pass(ctx, main, e.From, shift); err != nil {
			return err
		}
		replaced, err := w.skip(ctx, main, e.To)
		if err != nil {
			return err
		}
		if len(replaced) != e.To-e.From {
			return fault.Userf("range-past-end", fmt.Sprintf("edits[%d]", i), fmt.Sprintf(
				"it replaces frames up to %d of a film that has %d", e.To, main.first), "end it at the film's end")
		}
		if shift, err = w.insert(ctx, i, replaced, shift, main); err != nil {
			return fmt.Errorf("frames %d to %d: %w", e.From, e.To, err)
		}
	}
	if err := w.pass(ctx, main, -1, shift); err != nil {
		return err
	}
	w.plan.End = main.end() + shift
	return w.checkLength(main)
}

// pass hands on the source's segments before frame to, -1 for all.
func (w *work) pass(ctx context.Context, main *reel, to int, shift int64) error {
	for {
		s, _, err := main.take(ctx, to)
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		times := s.PTS
		if shift != 0 {
			times = make([]int64, len(s.PTS))
			for k, t := range s.PTS {
				times[k] = t + shift
			}
		}
		if err := w.queue.add(ctx, main, s, times); err != nil {
			return err
		}
	}
}

// skip leaves out the source's frames before number to and returns their times.
func (w *work) skip(ctx context.Context, main *reel, to int) (times []int64, err error) {
	for {
		s, _, err := main.take(ctx, to)
		if errors.Is(err, io.EOF) {
			return times, nil
		} else if err != nil {
			return nil, err
		}
		times = append(times, s.PTS...)
		w.queue.release(main)
	}
}

// insert hands on the frames of edit number i. They are shown at the times of those that
// they replace, where there are as many, else at the film's nominal rate. It returns by
// how much what is behind is moved.
func (w *work) insert(ctx context.Context, i int, replaced []int64, shift int64, main *reel) (int64, error) {
	e := w.job.Spec.Edits[i]
	j := w.job
	j.Spec.Source, j.Spec.Name = e.Source, e.Name
	src, err := w.open.Open(ctx, j, w.dir)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	info, err := w.tool.Probe(ctx, src.Input, src.Head)
	if err != nil {
		return 0, err
	}
	picture := likeOf(w.plan.Recipe).Adopt(info.Video.Picture)
	if picture.PixFmt == w.info.Video.Picture.PixFmt { // converted as the source's is
		picture.PixFmt = w.plan.Recipe.Picture.PixFmt
	}
	if differs := likeOf(w.plan.Recipe).Differs(job.Like{Picture: picture, Rate: info.Video.Rate}); differs != "" {
		return 0, fault.Userf("other-picture", src.Input.Name, "it can't replace frames of "+w.src.Input.Name+": "+differs,
			"export it with the settings of the film")
	}
	tracks, err := w.spliceTracks(i, info)
	if err != nil {
		return 0, err
	}
	fix, err := w.openReel(ctx, src, info, tracks)
	if err != nil {
		return 0, err
	}
	defer fix.close()
	f, err := w.fill(ctx, e, fix, replaced, shift, main)
	if err != nil {
		return 0, err
	}
	return f.shift, w.splice(ctx, i, fix, f, tracks, replaced, main)
}

// filled tells of an edit that is in its place: how many frames it has, when the first of
// them is shown in the edit's own ticks, and by how much what is behind is moved.
type filled struct {
	n         int
	at, shift int64
}

// fill hands on the frames of an edit.
func (w *work) fill(ctx context.Context, e job.Edit, fix *reel, replaced []int64, shift int64, main *reel) (f filled, err error) {
	begin, err := w.timeOf(ctx, replaced, main)
	if err != nil {
		return f, err
	}
	f.n, f.at, err = w.feed(ctx, e, fix, func(k int) int64 {
		if !e.Ripple && k < len(replaced) {
			return replaced[k] + shift
		}
		return w.at(begin, k) + shift
	})
	if err != nil {
		return f, err
	}
	n, same := f.n, e.To-e.From
	switch {
	case n != same && !e.Ripple:
		return f, wrongLength(fix.name, n, same)
	case e.Part != nil:
		if err := w.checkPart(ctx, fix, *e.Part, n); err != nil {
			return f, err
		}
	}
	if err := w.queue.drain(ctx); err != nil { // its spool ends with this function
		return f, err
	}
	f.shift = shift
	w.plan.Edits = append(w.plan.Edits, n)
	if n == same {
		return f, nil
	}
	end := w.at(begin, same)
	if len(replaced) > 0 {
		if end, err = w.timeAfter(ctx, main); err != nil {
			return f, err
		}
	}
	f.shift += w.at(begin, n) - end
	return f, nil
}

// feed hands on the frames that an edit takes of its source, of which time says when each is
// shown, and returns how many there are and when the first is shown in the source. It ends
// early where there are too many.
func (w *work) feed(ctx context.Context, e job.Edit, fix *reel, time func(k int) int64) (n int, at int64, err error) {
	from, to := 0, -1
	if e.Aligned || e.Part != nil {
		first, count := e.Count()
		from, to = first, first+count
	}
	if err := fix.skip(ctx, from); err != nil {
		return 0, 0, err
	}
	for {
		s, _, err := fix.take(ctx, to)
		if errors.Is(err, io.EOF) {
			return n, at, nil
		} else if err != nil {
			return n, at, err
		}
		if n == 0 {
			at = s.PTS[0]
		}
		times := make([]int64, len(s.PTS))
		for k := range times {
			times[k] = time(n + k)
		}
		if n += len(times); n > e.To-e.From && !e.Ripple {
			return n, at, nil
		}
		if err := w.queue.add(ctx, fix, s, times); err != nil {
			return n, at, err
		}
	}
}

// checkPart refuses a source of an edit that has another length than it had.
func (w *work) checkPart(ctx context.Context, fix *reel, p job.EditPart, n int) error {
	if n != p.To-p.From {
		return wrongLength(fix.name, p.From+n, p.To)
	}
	if p.Of == 0 {
		return nil
	}
	if err := fix.skip(ctx, p.Of+1); err != nil {
		return err
	}
	if fix.first != p.Of {
		return wrongLength(fix.name, fix.first, p.Of)
	}
	return nil
}

func wrongLength(name string, n, want int) error {
	if n > want {
		return fault.Userf("wrong-length", name, fmt.Sprintf("it has more than the %d frames that it is to replace", want), "cut it, or let the film grow: --ripple")
	}
	return fault.Userf("wrong-length", name, fmt.Sprintf("it has %d frames, and is to replace %d", n, want), "make it longer, or let the film shrink: --ripple")
}

// at returns the time of the n-th frame at the nominal rate behind one that is shown at t.
func (w *work) at(t int64, n int) int64 {
	return t + w.plan.Recipe.Rate.Inv().Rescale(int64(n), w.plan.TimeBase)
}

// timeOf returns when the first of the replaced frames is shown, or the frame before which
// something is inserted.
func (w *work) timeOf(ctx context.Context, replaced []int64, main *reel) (int64, error) {
	if len(replaced) > 0 {
		return replaced[0], nil
	}
	return w.timeAfter(ctx, main)
}

// timeAfter returns when the frame behind the replaced ones is shown, or would be.
func (w *work) timeAfter(ctx context.Context, main *reel) (int64, error) {
	for len(main.ahead) == 0 && !main.ended {
		if err := main.read(ctx); err != nil {
			return 0, err
		}
	}
	if len(main.ahead) > 0 {
		return main.ahead[0].PTS[0], nil
	}
	return main.end(), nil
}

// likeOf is what a recipe's pictures are like.
func likeOf(r recipe.Recipe) job.Like { return job.Like{Picture: r.Picture, Rate: r.Rate} }
