package split_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/split"
)

var (
	pal      = media.Rational{Num: 1, Den: 25}
	standard = split.Rule{Min: 2, Max: 6} // the default of a job
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

// What is put into a film whose frames are all keyframes, taken out of it or replaced,
// makes one segment new, seldom two, and hardly ever more.
func TestChangeOfIntraFilmChangesFewSegments(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	for _, c := range []struct {
		name string
		do   func(film []split.Packet, at, k int) []split.Packet
	}{
		{"insert", func(film []split.Packet, at, k int) []split.Packet {
			return slices.Insert(film, at, intra(k, r.Uint64())...)
		}},
		{"remove", func(film []split.Packet, at, k int) []split.Packet { return slices.Delete(film, at, at+k) }},
		{"replace", func(film []split.Packet, at, k int) []split.Packet {
			copy(film[at:], intra(k, r.Uint64()))
			return film
		}},
	} {
		for _, k := range []int{1, 7} {
			count := make([]int, 10)
			for range 10 {
				film := intra(1500, r.Uint64())
				before := contents(t, film)
				for range 20 {
					segments, _ := anew(before, contents(t, c.do(slices.Clone(film), r.IntN(len(film)-k), k)))
					count[min(segments, len(count)-1)]++
				}
			}
			t.Logf("%s %d frames: 0, 1, 2 … segments are new %v times", c.name, k, count)
			few := count[0] + count[1] + count[2]
			if few < 190 || count[1] < 150 || few+count[3]+count[4]+count[5]+count[6] < 200 {
				t.Errorf("%s %d frames: 0, 1, 2 … segments are new %v times", c.name, k, count)
			}
		}
	}
}

// Behind a change the boundaries are those of before, however long the film goes on, and
// whatever the change is: a rule that counts on from the boundary before may never come
// back to them.
func TestBoundariesBehindAChangeStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rule := split.Rule{Min: rapid.Float64Range(0.05, 1).Draw(t, "min")}
		rule.Max = rule.Min + rapid.Float64Range(0, 1).Draw(t, "span")
		tail := intra(1000, rapid.Uint64().Draw(t, "tail"))
		var behind [2][]int
		for i, name := range []string{"one head", "another head"} {
			head := intra(rapid.IntRange(0, 300).Draw(t, name), rapid.Uint64().Draw(t, name))
			segments, err := cut(t, rule, pal, timed(slices.Concat(head, tail)))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range segments {
				behind[i] = append(behind[i], s.Carried[0]-len(head))
			}
		}
		// So far behind there are boundaries; and they are the same.
		from := int(10 * rule.Max * 25)
		for i := range behind {
			behind[i] = slices.DeleteFunc(behind[i], func(n int) bool { return n < from })
		}
		if !slices.Equal(behind[0], behind[1]) {
			t.Fatalf("%v: the boundaries behind %d are %v, and %v", rule, from, behind[0], behind[1])
		}
	})
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
	if worst > 4 {
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
		if math.Abs(mean-standard.Target()) > 0.5 {
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
	if limit := int(4 * standard.Max * 25); most > limit+1 {
		t.Errorf("the cutter held %d packets, want at most %d", most, limit)
	}
}
