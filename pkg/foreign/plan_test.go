package foreign_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/foreign"
	"github.com/reweave/reweave/pkg/patch"
)

// gops makes a film of groups of pictures, each with leading pictures or not, in decode
// order.
func gops(t *rapid.T) []foreign.Picture {
	var out []foreign.Picture
	shown := int64(0)
	for g := range rapid.IntRange(1, 8).Draw(t, "groups") {
		leading := int64(rapid.IntRange(0, 3).Draw(t, "leading"))
		entry := rapid.SampledFrom([]foreign.Entry{foreign.Begin, foreign.Change, foreign.Change, foreign.None}).Draw(t, "entry")
		if g == 0 {
			leading, entry = 0, foreign.Change
		}
		out = append(out, foreign.Picture{PTS: shown + leading, Entry: entry})
		for k := range leading {
			out = append(out, foreign.Picture{PTS: shown + k})
		}
		shown += leading + 1
		for range rapid.IntRange(0, 6).Draw(t, "trailing") {
			out = append(out, foreign.Picture{PTS: shown})
			shown++
		}
		if n := len(out); n > 2 && rapid.Bool().Draw(t, "swap") && out[n-1].Entry == foreign.None && out[n-2].Entry == foreign.None && out[n-1].PTS == out[n-2].PTS+1 {
			out[n-1].PTS, out[n-2].PTS = out[n-2].PTS, out[n-1].PTS
		}
	}
	return out
}

func ranges(t *rapid.T, frames int) []patch.Frames {
	var out []patch.Frames
	for at := 0; at < frames && len(out) < 3; {
		from := rapid.IntRange(at, frames-1).Draw(t, "from")
		to := rapid.IntRange(from+1, frames).Draw(t, "to")
		out = append(out, patch.Frames{From: from, To: to})
		at = to
	}
	return out
}

// safe says by brute force whether new frames may begin, or end, before frame n: all
// that is decoded before is shown before, and there is a picture to go on with.
func safe(pictures []foreign.Picture, n int, end bool) bool {
	if end && n == len(pictures) {
		return true
	}
	for i, p := range pictures {
		if p.Entry == foreign.None || end && p.Entry != foreign.Change {
			continue
		}
		first := p.PTS // shown first of it and its leading pictures
		good := true
		for k, o := range pictures {
			if k > i && o.PTS < p.PTS {
				first = min(first, o.PTS)
			}
		}
		for k, o := range pictures {
			good = good && (k < i) == (o.PTS < first)
		}
		if end {
			first = p.PTS
		}
		if good && first == int64(n) {
			return true
		}
	}
	return false
}

func TestRegionsAreSafeAndLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pictures := gops(t)
		asked := ranges(t, len(pictures))
		regions, err := foreign.Plan(pictures, asked)
		if err != nil {
			t.Fatal(err)
		}
		var covered []patch.Frames
		at := 0
		for _, r := range regions {
			f := r.Frames()
			if r.From < at || f.Len() != r.Count() || r.To > len(pictures) {
				t.Fatalf("%+v behind %d", r, at)
			}
			at = r.To
			if !safe(pictures, f.From, false) || !safe(pictures, f.To, true) {
				t.Fatalf("%+v begins or ends where decoding can't change over", r)
			}
			first, last := r.Asked[0], r.Asked[len(r.Asked)-1]
			if first.From < f.From || last.To > f.To {
				t.Fatalf("%+v doesn't hold what was asked", r)
			}
			for n := f.From + 1; n <= first.From; n++ {
				if safe(pictures, n, false) {
					t.Fatalf("%+v could begin at %d", r, n)
				}
			}
			for n := last.To; n < f.To; n++ {
				if safe(pictures, n, true) {
					t.Fatalf("%+v could end at %d", r, n)
				}
			}
			covered = append(covered, r.Asked...)
		}
		if !slices.Equal(covered, asked) {
			t.Fatalf("%v are covered, want %v", covered, asked)
		}
	})
}

func TestRangesThatAreNone(t *testing.T) {
	pictures := make([]foreign.Picture, 10)
	for i := range pictures {
		pictures[i] = foreign.Picture{PTS: int64(i), Entry: foreign.Change}
	}
	for name, c := range map[string]struct {
		asked []patch.Frames
		slug  string
	}{
		"past the end": {[]patch.Frames{{From: 5, To: 11}}, "range-past-end"},
		"backwards":    {[]patch.Frames{{From: 5, To: 4}}, "bad-range"},
		"empty":        {[]patch.Frames{{From: 5, To: 5}}, "bad-range"},
		"negative":     {[]patch.Frames{{From: -1, To: 5}}, "bad-range"},
		"overlapping":  {[]patch.Frames{{From: 5, To: 8}, {From: 2, To: 6}}, "bad-range"},
	} {
		_, err := foreign.Plan(pictures, c.asked)
		refused(t, name, err, c.slug)
	}
	regions, err := foreign.Plan(pictures, []patch.Frames{{From: 7, To: 9}, {From: 2, To: 3}})
	if err != nil || len(regions) != 2 || regions[0].Frames() != (patch.Frames{From: 2, To: 3}) {
		t.Errorf("%+v, %v", regions, err)
	}
}
