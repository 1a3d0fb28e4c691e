package splitter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/reweave/reweave/pkg/chunk"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/store"
)

// stretch is a stretch of the film that is the same as what a chunk of another deliverable
// was made from: that chunk is taken for it.
type stretch struct {
	at    int // the film's frame at which it begins
	chunk baseChunk
}

// baseChunk is a chunk of the deliverable that a job is compared with.
type baseChunk struct {
	plan.ManifestChunk
	segment plan.Segment
}

// same returns the stretches of the source for which chunks of the job's base are taken,
// though their packets are others.
func (w *work) same(ctx context.Context) (found []stretch, err error) {
	switch {
	case w.job.Spec.Keep != nil:
		found, err = w.kept(ctx)
	case w.job.Spec.Same != nil:
		found, err = w.found(ctx)
	}
	if len(found) > 0 {
		w.plan.Notes = append(w.plan.Notes, fmt.Sprintf("%d chunks were taken over though the source has other packets there", len(found)))
	}
	return found, err
}

// found finds the stretches of the source that are the same as the job's base in pixels, and
// not in packets: those are found without looking. The source is read for it once more,
// and decoded where no segment of the base has its packets.
func (w *work) found(ctx context.Context) ([]stretch, error) {
	base, err := w.base(ctx, w.job.Spec.Same.Base, "same.base")
	if err != nil {
		return nil, err
	}
	if !w.sameRecipe(base) {
		return nil, nil
	}
	l := w.newLook(base)
	l.marks = func(ctx context.Context, segment string) ([]chunk.Frame, error) {
		return chunk.Frames(ctx, w.tool, segment)
	}
	if w.job.Spec.Same.Depth == job.Eye {
		l.marks = func(ctx context.Context, segment string) ([]chunk.Frame, error) {
			return chunk.Thumbs(ctx, w.tool, segment)
		}
	}
	if err := l.run(ctx); err != nil {
		return nil, err
	}
	if l.byPackets() {
		return nil, nil
	}
	var lost []baseChunk // those of which the source doesn't have the packets
	for i, c := range base.Chunks {
		if !l.met[c.Key] {
			lost = append(lost, baseChunk{c, base.Plan.Segments[i]})
		}
	}
	if err := w.claim(ctx, lost); err != nil {
		return nil, err
	}
	if w.job.Spec.Same.Depth == job.Eye {
		found, err := l.near(ctx, lost)
		if err != nil {
			return nil, err
		}
		return w.stored(ctx, found)
	}
	var found []stretch
	chunks := byPixels(lost)
	for _, g := range l.joined() {
		found = append(found, find(g, chunks)...)
	}
	if len(found) == 0 && len(l.met) == 0 {
		w.plan.Notes = append(w.plan.Notes, "nothing of the source is the same, by its packets or its pixels; after a lossy export, compare to the eye: --same eye --tolerance 42dB")
	}
	return w.stored(ctx, found)
}

// claim says that the job may need chunks of the other deliverable, before it looks whether
// they are there and decides to do without what they were made from.
func (w *work) claim(ctx context.Context, chunks []baseChunk) error {
	keys := make([]string, len(chunks))
	for i, c := range chunks {
		keys[i] = c.Key
	}
	return w.claims.Claim(ctx, w.job.ID, keys...)
}

// byPixels names chunks by the digest of their source's pixels.
func byPixels(all []baseChunk) map[string]baseChunk {
	m := make(map[string]baseChunk, len(all))
	for _, c := range all {
		if c.Pixels != "" {
			m[c.Pixels] = c
		}
	}
	return m
}

// stored leaves out the stretches whose chunk was evicted: they are encoded.
func (w *work) stored(ctx context.Context, all []stretch) (kept []stretch, err error) {
	lost := 0
	for _, s := range all {
		info, err := w.env.Store.Stat(ctx, store.ChunkKey(s.chunk.Key))
		switch {
		case err == nil && info.Meta["sha256"] == s.chunk.SHA256: // else it was made anew by others, or is damaged
			kept = append(kept, s)
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return nil, err
		default:
			lost++
		}
	}
	if lost > 0 {
		w.plan.Notes = append(w.plan.Notes, fmt.Sprintf(
			"%d chunks of the other deliverable are not in the store any more, though the source is the same there: it is encoded again, and not with the same bytes", lost))
	}
	return kept, nil
}

// sameRecipe reports whether a deliverable's chunks can be the job's: it has one recipe.
func (w *work) sameRecipe(m *plan.Manifest) bool {
	if bytes.Equal(m.Plan.Recipe.Canonical(), w.plan.Recipe.Canonical()) {
		return true
	}
	w.plan.Notes = append(w.plan.Notes, "no chunk is taken over: the other deliverable was made with other settings or another encoder")
	return false
}

// base reads the manifest of another deliverable, by its digest, which field of the Spec names.
func (w *work) base(ctx context.Context, sum, field string) (*plan.Manifest, error) {
	key := store.ManifestKey(w.job.Tenant, sum)
	info, err := w.env.Store.Stat(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.Userf("no-such-deliverable", field, "no deliverable with the digest "+sum+" was made here",
			"encode its source here first")
	} else if err != nil {
		return nil, err
	}
	b, err := store.Read(ctx, w.env.Store, key, info.Meta["sha256"])
	if err != nil {
		return nil, err
	}
	return plan.DecodeManifest(b)
}

// find returns where the chunks lie in a stretch of frames. Wherever one lies, its longest
// is taken; each frame belongs to one at the most.
func find(g gap, chunks map[string]baseChunk) (found []stretch) {
	var lengths []int
	for _, c := range chunks {
		lengths = append(lengths, c.Frames)
	}
	slices.Sort(lengths)
	lengths = slices.Compact(lengths)
	for at := 0; at < len(g.marks); {
		best, ok := baseChunk{}, false
		for i, sum := range chunk.Prefixes(g.marks[at:], lengths) {
			if c, here := chunks[sum]; here && c.Frames == lengths[i] {
				best, ok = c, true
			}
		}
		if !ok {
			at++
			continue
		}
		found = append(found, stretch{g.first + at, best})
		at += best.Frames
	}
	return found
}
