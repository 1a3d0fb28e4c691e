package e2e

import (
	"math/big"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/media"
)

// Exact is the tolerance of none at all.
var Exact = media.Rational{Num: 0, Den: 1}

// Within returns the tolerance for the times of frames in a container: none, but for
// Matroska, where each of two times is rounded to a millisecond.
func Within(container string) media.Rational {
	if container == "mkv" {
		return media.Rational{Num: 1, Den: 1000}
	}
	return Exact
}

// SameFrames fails the test unless got has the frames of want: as many, each with the
// same pixels, and each at the same time after the first one; see [SameTimes].
func SameFrames(t testing.TB, want, got []testenv.Frame, within media.Rational) {
	t.Helper()
	SameTimes(t, want, got, within)
	wrong := 0
	for i := range min(len(got), len(want)) {
		if got[i].Hash != want[i].Hash {
			if wrong++; wrong == 1 {
				t.Errorf("frame %d has other pixels", i)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("of %d frames, %d have other pixels", len(want), wrong)
	}
}

// SameTimes fails the test unless got has as many frames as want, each at the same time
// after the first one, as exact fractions of a second that may differ by within.
func SameTimes(t testing.TB, want, got []testenv.Frame, within media.Rational) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("got %d frames, want %d", len(got), len(want))
	}
	wrong, limit := 0, rat(within.Num, within)
	for i := range min(len(got), len(want)) {
		g, w := Since(got, i), Since(want, i)
		if d := new(big.Rat).Sub(g, w); d.Abs(d).Cmp(limit) > 0 {
			if wrong++; wrong == 1 {
				t.Errorf("frame %d is shown at %s s, want %s s", i, g.FloatString(7), w.FloatString(7))
			}
		}
	}
	if wrong > 0 {
		t.Errorf("of %d frames, %d are shown at another time", len(want), wrong)
	}
}

// Since returns the time of frame i after the first one, in seconds.
func Since(frames []testenv.Frame, i int) *big.Rat {
	return rat(frames[i].PTS-frames[0].PTS, frames[i].TimeBase)
}

// rat returns n ticks of tb in seconds.
func rat(n int64, tb media.Rational) *big.Rat {
	if n == 0 {
		return new(big.Rat)
	}
	return new(big.Rat).Mul(big.NewRat(n, 1), big.NewRat(tb.Num, tb.Den))
}

// Distinct fails the test when frames look alike, and so could be swapped or doubled
// without a difference in their pixels.
func Distinct(t testing.TB, frames []testenv.Frame) {
	t.Helper()
	seen := map[string]int{}
	for i, f := range frames {
		if first, twice := seen[f.Hash]; twice {
			t.Errorf("frames %d and %d of the source look alike", first, i)
		}
		seen[f.Hash] = i
	}
}

// FarFrames returns the numbers of the frames of which the PSNR between the two films, over
// all planes, is below least, in dB. They are compared in order, whatever their times.
func FarFrames(t testing.TB, a, b string, least float64) (far []int) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-i", a, "-i", b, "-filter_complex",
		"[0:v]settb=1/1000,setpts=N[a];[1:v]settb=1/1000,setpts=N[b];[a][b]psnr=stats_file=-", "-fps_mode", "passthrough", "-enc_time_base", "1:1000", "-f", "null", "-").CombinedOutput()
	if err != nil {
		t.Fatalf("compare %s and %s: %v: %s", a, b, err, out)
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		_, rest, ok := strings.Cut(line, "psnr_avg:")
		if !ok {
			t.Fatalf("compare %s and %s: %s", a, b, line)
		}
		text, _, _ := strings.Cut(rest, " ")
		if v, err := strconv.ParseFloat(text, 64); err != nil || v < least {
			far = append(far, n)
		}
		n++
	}
	return far
}
