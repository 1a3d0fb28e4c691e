package splitter

import (
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/recipe"
)

// chunks is a plan at 25 frames a second of chunks that are named by letters, ten frames
// long each, from tick start on; the last frame is shown last ticks of the 40 of a frame.
func chunks(start, last int64, names string) *plan.Plan {
	p := &plan.Plan{TimeBase: media.Rational{Num: 1, Den: 1000}, Recipe: recipe.Recipe{Rate: media.Rational{Num: 25, Den: 1}}}
	at := start
	for _, name := range names {
		times := make([]int64, 10)
		for i := range times {
			times[i] = at
			at += 40
		}
		p.Segments = append(p.Segments, plan.Segment{Key: string(name), Times: plan.NewTimes(times)})
	}
	p.End = at - 40 + last
	return p
}

// A film has another one's sound only where what both have is shown when it was.
func TestMovedFindsWhatASoundWouldMiss(t *testing.T) {
	base := chunks(0, 40, "abcdef")
	for name, tc := range map[string]struct {
		film *plan.Plan
		says string
	}{
		"nothing":                     {chunks(0, 40, "abcdef"), ""},
		"another origin":              {chunks(3600000, 40, "abcdef"), ""},
		"a chunk is new":              {chunks(0, 40, "abXdef"), ""},
		"all is new":                  {chunks(0, 40, "UVWXYZ"), ""},
		"a last frame of other rest":  {chunks(0, 33, "abcdef"), ""},
		"an insertion":                {chunks(0, 40, "abXcdef"), "what was shown at 0.800 s is shown 0.400 s later"},
		"a removal":                   {chunks(0, 40, "abdef"), "what was shown at 1.200 s is shown 0.400 s earlier"},
		"they cancel out":             {chunks(0, 40, "aXbcdf"), "what was shown at 0.400 s is shown 0.400 s later"},
		"it goes on":                  {chunks(0, 40, "abcdefX"), "it lasts 2.800 s in place of 2.400 s"},
		"it ends a frame earlier":     {chunks(0, 0, "abcdef"), "it lasts 2.360 s in place of 2.400 s"},
		"all is new, and longer":      {chunks(0, 40, "TUVWXYZ"), "it lasts 2.800 s"},
		"all but the head, and later": {chunks(0, 40, "aUVWXYZ"), "it lasts 2.800 s"},
	} {
		if got := moved(base, tc.film); (got == "") != (tc.says == "") || !strings.Contains(got, tc.says) {
			t.Errorf("%s: %q, want %q", name, got, tc.says)
		}
	}
}
