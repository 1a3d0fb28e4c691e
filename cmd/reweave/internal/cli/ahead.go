package cli

import (
	"context"

	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/patch"
	"github.com/reweave/reweave/pkg/plan"
)

// ahead is what is decoded of BASE for the proof while the job still runs.
type ahead struct {
	cancel context.CancelFunc
	done   chan struct{}
	film   *patch.Ahead // once done is closed; nil where it is not known what changes
}

// lookAhead begins to decode what the proof will need of BASE, as the job's plan has it.
func (p *patching) lookAhead(ctx context.Context, cl *client.Client) {
	if p.file == "" { // it is fetched when the job is done
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &ahead{cancel: cancel, done: make(chan struct{})}
	p.ahead = a
	go func() {
		defer close(a.done)
		raw, err := cl.Plan(ctx, p.job.ID)
		if err != nil {
			return // the proof does without
		}
		pl, err := plan.Decode(raw)
		if err != nil {
			return
		}
		tool, err := ffmpeg.Find(ctx)
		if err != nil {
			return
		}
		if base, err := p.film(); err == nil {
			a.film = patch.DecodeAhead(ctx, tool, base, changesOf(p.before, pl))
		}
	}()
}

// wait returns what is decoded, or nil.
func (a *ahead) wait() *patch.Ahead {
	if a == nil {
		return nil
	}
	<-a.done
	return a.film
}

// stop ends the decoding, where nobody waits for it any more.
func (a *ahead) stop() {
	if a == nil {
		return
	}
	a.cancel()
	if film := a.wait(); film != nil {
		film.Stop()
	}
}

// changesOf returns the frames that a plan has in place of a deliverable's, chunk by chunk.
func changesOf(before *plan.Manifest, after *plan.Plan) (changes []patch.Change) {
	var keys [2][]string
	var starts [2][]int // of each chunk, and the film's end
	end := 0
	for _, c := range before.Chunks {
		keys[0], starts[0] = append(keys[0], c.Key), append(starts[0], end)
		end += c.Frames
	}
	starts[0], end = append(starts[0], end), 0
	for _, s := range after.Segments {
		keys[1], starts[1] = append(keys[1], s.Key), append(starts[1], end)
		end += s.Times.Len()
	}
	starts[1] = append(starts[1], end)
	var at patch.Run // what lies behind the last run
	for _, r := range append(patch.Align(keys[0], keys[1]), patch.Run{Old: len(keys[0]), New: len(keys[1])}) {
		if r.Old > at.Old || r.New > at.New {
			changes = append(changes, patch.Change{
				Old: patch.Frames{From: starts[0][at.Old], To: starts[0][r.Old]},
				New: patch.Frames{From: starts[1][at.New], To: starts[1][r.New]},
			})
		}
		at.Old, at.New = r.Old+r.N, r.New+r.N
	}
	return changes
}
