package mux

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/plan"
)

// A deliverable whose times are rounded to milliseconds and moved by a constant is as
// planned; one where a single frame is two milliseconds off is not.
func TestCompareAllowsRoundingAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var times []int64
		v := rapid.Int64Range(-1<<30, 1<<40).Draw(t, "start")
		for range rapid.IntRange(2, 40).Draw(t, "frames") {
			times = append(times, v)
			v += rapid.Int64Range(900, 90_000).Draw(t, "step")
		}
		p := &plan.Plan{TimeBase: media.Rational{Num: 1, Den: 90_000}, Segments: []plan.Segment{{Times: plan.NewTimes(times)}}}
		shift := rapid.Int64Range(-1000, 1000).Draw(t, "shift")
		rounded := make([]int64, len(times))
		for i, v := range times {
			rounded[len(times)-1-i] = int64(math.Round(float64(v-times[0])/90)) + shift // in any order
		}
		ms := media.Rational{Num: 1, Den: 1000}
		if err := compare(p, rounded, ms); err != nil {
			t.Fatal(err)
		}
		off := rapid.IntRange(1, len(times)-1).Draw(t, "frame")
		rounded[off] += 2
		if err := compare(p, rounded, ms); err == nil || fault.Of(err) != fault.Permanent {
			t.Fatalf("frame %d is 2 ms late: %v", off, err)
		}
	})
}

func FuzzPacketTimes(f *testing.F) {
	f.Add("#format: frame checksums\n#tb 0: 1/1000\n0, 0, 0, 40, 9, 0x1\n0, 40, 80, 40, 9, 0x1, F=0x0\n")
	f.Add("#tb 0: 1/\n0,0,NOPTS,1")
	f.Add("0,0,0\n")
	f.Fuzz(func(t *testing.T, text string) {
		times, _, err := packetTimes(strings.NewReader(text))
		if err == nil && len(times) > strings.Count(text, "\n")+1 {
			t.Errorf("%d times in %q", len(times), text)
		}
	})
}

func TestLanguageIn(t *testing.T) {
	for _, c := range []struct{ container, language, want string }{
		{"mov", "deu", "ger"}, {"mov", "fre", "fra"}, {"mov", "eng", "eng"}, {"mp4", "deu", "deu"}, {"mkv", "deu", "deu"}, {"mov", "", ""},
	} {
		if got := languageIn(c.container, c.language); got != c.want {
			t.Errorf("%s in %s: %q, want %q", c.language, c.container, got, c.want)
		}
	}
}
