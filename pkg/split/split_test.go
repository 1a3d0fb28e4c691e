package split_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/split"
)

// cut pushes all packets through a cutter and checks that it lets go of old ones.
func cut(t rapid.TB, r split.Rule, tb media.Rational, packets []split.Packet) ([]split.Segment, error) {
	c := split.New(r, tb)
	var out []split.Segment
	for _, p := range packets {
		oldest := c.Oldest()
		s, err := c.Push(p)
		if err != nil {
			return out, err
		}
		for _, s := range s {
			if s.Carried[0] < oldest {
				t.Fatalf("a segment carries packet %d after %d was called the oldest", s.Carried[0], oldest)
			}
		}
		out = append(out, s...)
		if c.Oldest() < oldest {
			t.Fatalf("the oldest packet went back from %d to %d", oldest, c.Oldest())
		}
	}
	oldest := c.Oldest()
	s, err := c.Flush()
	for _, s := range s {
		if s.Carried[0] < oldest {
			t.Fatalf("a segment carries packet %d after %d was called the oldest", s.Carried[0], oldest)
		}
	}
	return append(out, s...), err
}

// checkExact checks what has to hold of the segments of any stream: every shown frame is
// owned once, in order, and the ranks tell the order of display.
func checkExact(t rapid.TB, packets []split.Packet, segments []split.Segment) {
	f := film{packets: packets}
	var owned []int64
	for i, s := range segments {
		owned = append(owned, s.PTS...)
		if len(s.PTS) == 0 || len(s.Carried) != len(s.Ranks) || !slices.IsSorted(s.Carried) {
			t.Fatalf("segment %d: %d frames, %d packets, %d ranks", i, len(s.PTS), len(s.Carried), len(s.Ranks))
		}
		if last := packets[s.Carried[len(s.Carried)-1]]; i+1 < len(segments) && !last.Discard && last.PTS > s.PTS[len(s.PTS)-1] {
			t.Fatalf("segment %d carries a packet of the next one, and changes with it: %+v", i, last)
		}
		byRank := make([]int, len(s.Ranks))
		for k := range byRank {
			byRank[k] = -1
		}
		for k, r := range s.Ranks {
			if r < 0 || r >= len(byRank) || byRank[r] >= 0 {
				t.Fatalf("segment %d: ranks %v are no permutation", i, s.Ranks)
			}
			byRank[r] = s.Carried[k]
		}
		for r, n := range byRank {
			if r > 0 && packets[n].PTS < packets[byRank[r-1]].PTS {
				t.Fatalf("segment %d: rank %d is shown before rank %d", i, r, r-1)
			}
			if k := r - s.First; k >= 0 && k < len(s.PTS) && (packets[n].PTS != s.PTS[k] || packets[n].Discard) {
				t.Fatalf("segment %d owns rank %d for %d, which is packet %d: %+v", i, r, s.PTS[k], n, packets[n])
			}
		}
	}
	if want := f.shown(); !slices.Equal(owned, want) {
		t.Fatalf("owned frames:\n%v, want\n%v", owned, want)
	}
}

// checkCarried checks that each segment carries what its frames are decoded from, begins
// where decoding can, and leaves out the leading pictures of its keyframe.
func checkCarried(t rapid.TB, f film, segments []split.Segment) {
	at := map[int64]int{}
	for n, p := range f.packets {
		at[p.PTS] = n
	}
	for i, s := range segments {
		carried := map[int]bool{}
		for _, n := range s.Carried {
			carried[n] = true
		}
		var need func(n int)
		need = func(n int) {
			if !carried[n] {
				t.Fatalf("segment %d does not carry packet %d, which it needs", i, n)
			}
			for _, ref := range f.refs[n] {
				need(ref)
			}
		}
		for _, pts := range s.PTS {
			need(at[pts])
		}
		if i == 0 {
			if s.Carried[0] != 0 {
				t.Fatalf("the first segment begins at packet %d", s.Carried[0])
			}
			continue
		}
		key := f.packets[s.Carried[0]]
		if !key.Clean || key.PTS != s.PTS[0] {
			t.Fatalf("segment %d begins with %+v, its frames at %d", i, key, s.PTS[0])
		}
		for n := s.Carried[0] + 1; n < len(f.packets) && f.packets[n].PTS < key.PTS; n++ {
			if carried[n] {
				t.Fatalf("segment %d carries packet %d, a leading picture of its keyframe", i, n)
			}
		}
	}
}

// checkLengths checks the lengths that the rule promises.
func checkLengths(t rapid.TB, r split.Rule, f film, segments []split.Segment) {
	var keys []int64
	for n, p := range f.packets {
		if n > 0 && p.Clean && !p.Discard {
			keys = append(keys, p.PTS)
		}
	}
	seconds := func(ticks int64) float64 { return float64(ticks) * f.tb.Float() }
	shown := f.shown()
	last := shown[len(shown)-1]
	for i, s := range segments {
		begin, end := s.PTS[0], last
		if i+1 < len(segments) {
			end = segments[i+1].PTS[0]
		}
		if seconds(end-begin) < r.Min && len(segments) > 1 {
			t.Fatalf("segment %d of %d is %g s long, less than %g", i, len(segments), seconds(end-begin), r.Min)
		}
		could := slices.ContainsFunc(keys, func(k int64) bool {
			return seconds(k-begin) >= r.Min && seconds(end-k) >= r.Min
		})
		if seconds(end-begin) > r.Max && could {
			t.Fatalf("segment %d of %d is %g s long, more than %g", i, len(segments), seconds(end-begin), r.Max)
		}
	}
}

func rules() *rapid.Generator[split.Rule] {
	return rapid.Custom(func(t *rapid.T) split.Rule {
		r := split.Rule{Min: rapid.Float64Range(0.05, 3).Draw(t, "min")}
		r.Max = r.Min + rapid.Float64Range(0, 8).Draw(t, "span")
		return r
	})
}

func TestEveryFrameIsOwnedOnceAndCanBeDecoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, r := films().Draw(t, "film"), rules().Draw(t, "rule")
		segments, err := cut(t, r, f.tb, f.packets)
		if err != nil {
			t.Fatal(err)
		}
		checkExact(t, f.packets, segments)
		checkCarried(t, f, segments)
		checkLengths(t, r, f, segments)
	})
}

// Whatever is pushed, either every shown frame is owned exactly once, or the user is told
// that the source is at fault.
func TestAnyOrderIsExactOrRefused(t *testing.T) {
	exact, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		span := rapid.Int64Range(1, 60).Draw(t, "span")
		var packets []split.Packet
		for n := range rapid.Int64Range(1, 60).Draw(t, "packets") {
			p := split.Packet{PTS: n + rapid.Int64Range(-2, 2).Draw(t, "shift"), Hash: rapid.Uint64().Draw(t, "hash")}
			if rapid.IntRange(0, 19).Draw(t, "far") == 0 {
				p.PTS = rapid.Int64Range(0, span).Draw(t, "pts")
			}
			p.Key = rapid.IntRange(0, 2).Draw(t, "key") == 0
			p.Clean = p.Key && rapid.IntRange(0, 5).Draw(t, "clean") > 0
			p.Discard = rapid.IntRange(0, 9).Draw(t, "discard") == 0
			packets = append(packets, p)
		}
		segments, err := cut(t, split.Rule{Min: 2, Max: 6}, media.Rational{Num: 1, Den: 1}, packets)
		if err != nil {
			if fault.Of(err) != fault.User {
				t.Fatalf("refused with %v", err)
			}
			refused++
			return
		}
		checkExact(t, packets, segments)
		exact++
	})
	t.Logf("%d exact, %d refused", exact, refused)
}

func TestSegmentsDependOnContentAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, r := films().Draw(t, "film"), rules().Draw(t, "rule")
		want, err := cut(t, r, f.tb, f.packets)
		if err != nil {
			t.Fatal(err)
		}
		shift := rapid.Int64Range(-1<<40, 1<<40).Draw(t, "shift")
		later := slices.Clone(f.packets)
		for i := range later {
			later[i].PTS += shift
		}
		got, err := cut(t, r, f.tb, later)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d segments instead of %d when all is %d later: %v", len(got), len(want), shift, err)
		}
		for i := range got {
			if !slices.Equal(got[i].Carried, want[i].Carried) || !slices.Equal(got[i].Ranks, want[i].Ranks) || got[i].First != want[i].First {
				t.Fatalf("segment %d differs when all is %d later", i, shift)
			}
		}
	})
}

// A clip owns what it is asked for, at the ranks and times that it had.
func TestClipOwnsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := split.Segment{Carried: []int{3, 4, 5}, Ranks: []int{0, 2, 1}, First: rapid.IntRange(0, 9).Draw(t, "first")}
		for i := range rapid.IntRange(1, 30).Draw(t, "frames") {
			s.PTS = append(s.PTS, int64(100+7*i))
		}
		from := rapid.IntRange(0, len(s.PTS)-1).Draw(t, "from")
		to := rapid.IntRange(from+1, len(s.PTS)).Draw(t, "to")
		c := s.Clip(from, to)
		if c.First != s.First+from || len(c.PTS) != to-from || c.PTS[0] != s.PTS[from] || !slices.Equal(c.Carried, s.Carried) || !slices.Equal(c.Ranks, s.Ranks) {
			t.Fatalf("%+v of %+v", c, s)
		}
	})
}
