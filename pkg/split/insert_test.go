package split_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/split"
)

var (
	pal      = media.Rational{Num: 1, Den: 25}
	standard = split.Rule{Min: 2, Max: 10} // the default of a job
)

// intra returns n frames, each a keyframe of its own content.
func intra(n int, seed uint64) []split.Packet {
	r := rand.New(rand.NewPCG(seed, 0))
	out := make([]split.Packet, n)
	for i := range out {
		out[i] = split.Packet{Key: true, Clean: true, Hash: r.Uint64()}
	}
	return out
}

// gops returns groups of 12 to 120 frames that begin with a keyframe.
func gops(n int, seed uint64) [][]split.Packet {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([][]split.Packet, n)
	for i := range out {
		out[i] = make([]split.Packet, 12+r.IntN(109))
		for k := range out[i] {
			out[i][k] = split.Packet{Key: k == 0, Clean: k == 0, Hash: r.Uint64()}
		}
	}
	return out
}

// timed shows the packets one after the other.
func timed(packets []split.Packet) []split.Packet {
	out := slices.Clone(packets)
	for i := range out {
		out[i].PTS = int64(i)
	}
	return out
}

// contents cuts the packets and returns each segment's content and number of frames.
func contents(t *testing.T, packets []split.Packet) map[string]int {
	t.Helper()
	segments, err := cut(t, standard, pal, timed(packets))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, s := range segments {
		var content []uint64
		for _, n := range s.Carried {
			content = append(content, packets[n].Hash)
		}
		out[fmt.Sprint(content, s.Ranks, s.First)] = len(s.PTS)
	}
	return out
}

// anew counts the segments and their frames that are in now and were not in before.
func anew(before, now map[string]int) (segments, frames int) {
	for content, n := range now {
		if _, ok := before[content]; !ok {
			segments, frames = segments+1, frames+n
		}
	}
	return segments, frames
}

// An insertion, a removal, a longer head or tail in half an hour of intra film leaves all
// but a few segments as they were.
func TestChangeOfIntraFilmChangesFewSegments(t *testing.T) {
	const length = 45_000
	film := intra(length, 1)
	before := contents(t, film)
	r := rand.New(rand.NewPCG(2, 3))
	type change struct {
		name string
		do   func(at, k int) []split.Packet
	}
	insert := func(at, k int) []split.Packet { return slices.Insert(slices.Clone(film), at, intra(k, uint64(at))...) }
	worst, all, edits := 0, 0, 0
	for _, c := range []change{
		{"prepend", func(_, k int) []split.Packet { return insert(0, k) }},
		{"append", func(_, k int) []split.Packet { return insert(length, k) }},
		{"insert", insert},
		{"remove", func(at, k int) []split.Packet { return slices.Delete(slices.Clone(film), at, at+k) }},
		{"replace", func(at, k int) []split.Packet {
			out := slices.Clone(film)
			copy(out[at:], intra(k, uint64(at)))
			return out
		}},
	} {
		for _, k := range []int{1, 7, 250} {
			at := r.IntN(length - k)
			segments, frames := anew(before, contents(t, c.do(at, k)))
			t.Logf("%s %d frames at %d: %d of %d segments are new, %d frames", c.name, k, at, segments, len(before), frames)
			worst, all, edits = max(worst, segments), all+frames-k, edits+1
		}
	}
	t.Logf("mean of %d changes: %d frames are encoded again besides the new ones", edits, all/edits)
	if worst > 6 || all/edits > 250 {
		t.Errorf("a change makes %d of %d segments new, and %d frames on the average", worst, len(before), all/edits)
	}
}

// In long-GOP film whole GOPs come and go.
func TestChangeOfLongGOPFilmChangesFewSegments(t *testing.T) {
	film := gops(700, 4)
	before := contents(t, slices.Concat(film...))
	r := rand.New(rand.NewPCG(5, 6))
	worst := 0
	for range 10 {
		at, k := r.IntN(len(film)-3), 1+r.IntN(3)
		longer := slices.Insert(slices.Clone(film), at, gops(k, uint64(at)+100)...)
		shorter := slices.Delete(slices.Clone(film), at, at+k)
		for name, now := range map[string][][]split.Packet{"insert": longer, "remove": shorter} {
			segments, frames := anew(before, contents(t, slices.Concat(now...)))
			t.Logf("%s %d GOPs at %d: %d of %d segments are new, %d frames", name, k, at, segments, len(before), frames)
			worst = max(worst, segments)
		}
	}
	if worst > 6 {
		t.Errorf("a change makes %d of %d segments new", worst, len(before))
	}
}

// Lengths lie around the target, whatever the distance of keyframes.
func TestMeanLengthIsNearTheTarget(t *testing.T) {
	for name, packets := range map[string][]split.Packet{
		"intra": intra(45_000, 7), "long GOP": slices.Concat(gops(700, 8)...),
	} {
		segments, err := cut(t, standard, pal, timed(packets))
		if err != nil {
			t.Fatal(err)
		}
		mean := float64(len(packets)) / 25 / float64(len(segments))
		t.Logf("%s: %d segments of %.1f s", name, len(segments), mean)
		if mean < standard.Min+1 || mean > standard.Target()+1 {
			t.Errorf("%s: the mean length is %.2f s, the target %.2f", name, mean, standard.Target())
		}
	}
}

// What the cutter holds does not grow with the film.
func TestMemoryIsBounded(t *testing.T) {
	c := split.New(standard, pal)
	most := 0
	for n, p := range timed(intra(45_000, 9)) {
		if _, err := c.Push(p); err != nil {
			t.Fatal(err)
		}
		most = max(most, n-c.Oldest())
	}
	if limit := int((standard.Max + standard.Min) * 25); most > limit+1 {
		t.Errorf("the cutter held %d packets, want at most %d", most, limit)
	}
}
