package patch

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/ffmpeg"
)

// Ahead decodes what a proof will need of a film while the patch of it is still made, where
// somebody knows by then what it is to change. The proof compares the two files all the same:
// what it needs besides, it decodes.
type Ahead struct {
	reel   *reel
	cancel context.CancelFunc
	g      errgroup.Group
}

// DecodeAhead begins to decode base around the frames that a patch is to change, and these,
// for [Pictures]. Who begins it stops it.
func DecodeAhead(ctx context.Context, tool *ffmpeg.Tool, base *Film, changes []Change) *Ahead {
	ctx, cancel := context.WithCancel(ctx)
	a := &Ahead{reel: &reel{Film: base, tool: tool}, cancel: cancel}
	r := &Report{Changes: []Announced{}}
	var kept []Frames
	for _, ch := range changes {
		if !base.cut(ch.Old.From) || !base.cut(ch.Old.To) { // it would not decode by itself
			continue
		}
		r.Changes = append(r.Changes, base.announce(ch))
		kept = append(kept, Frames{base.back(ch.Old.From, groups), ch.Old.From}, Frames{ch.Old.To, base.forth(ch.Old.To, groups)})
	}
	looks := r.looks()
	a.reel.want = wanted{decode: kept, hash: kept, width: lookWidth(looks)}
	for _, ch := range looks {
		a.reel.want.add(ch.Old)
	}
	// The patch itself needs the cores more.
	a.g.Go(func() error { return decodeAll(ctx, 1, a.reel) })
	return a
}

// Stop ends it, where it still goes on.
func (a *Ahead) Stop() {
	a.cancel()
	_ = a.g.Wait() // nobody asks for what it found any more
}

// taken waits for what was decoded. There is nothing when it failed: the proof tells of it.
func (a *Ahead) taken() []decoded {
	if a == nil || a.g.Wait() != nil {
		return nil
	}
	return a.reel.runs
}

// has reports whether all that is wanted of some frames was decoded in a run.
func (w wanted) has(d decoded, f Frames) bool {
	if d.From > f.From || d.To < f.To || d.problem != "" {
		return false
	}
	for _, n := range numbers(within(w.hash, f)) {
		if d.hashes[n] == "" {
			return false
		}
	}
	for _, n := range numbers(within(w.look, f)) {
		if d.pictures[n].width != w.width {
			return false
		}
	}
	return true
}
