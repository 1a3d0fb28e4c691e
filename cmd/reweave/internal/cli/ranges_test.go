package cli

import (
	"testing"

	"github.com/reweave/reweave/pkg/media"
)

func TestFrameAt(t *testing.T) {
	ntsc, pal, film, fast := media.Rational{Num: 30000, Den: 1001}, media.Rational{Num: 25, Den: 1}, media.Rational{Num: 24000, Den: 1001}, media.Rational{Num: 60000, Den: 1001}
	for _, c := range []struct {
		text string
		rate media.Rational
		want int // -1: refused
	}{
		{"1713f", pal, 1713},
		{"0f", pal, 0},
		{"-1f", pal, -1},
		{"f", pal, -1},
		{"2", pal, 50},
		{"2.5", pal, 63},
		{"2.52s", pal, 63},
		{"0.019", pal, 0},
		{"0.02", pal, 1},
		{"1e3", pal, -1},
		{"1/2", pal, -1},
		{"NaN", pal, -1},
		{"", pal, -1},
		{"10.01", ntsc, 300},
		{"00:00:01:00", ntsc, 30},
		{"00:01:00:00", ntsc, 1800},
		{"01:00:00:00", film, 86400},
		{"00:01:00;02", ntsc, 1800},
		{"00:00:59;29", ntsc, 1799},
		{"00:10:00;00", ntsc, 17982},
		{"01:00:00;00", ntsc, 107892},
		{"01:00:00;00", fast, 215784},
		{"00:01:00;01", ntsc, -1},
		{"00:01:00;00", pal, -1},
		{"00:00:00:25", pal, -1},
		{"00:00:60:00", pal, -1},
		{"00:01:00;00", film, -1},
	} {
		got, err := frameAt(c.text, c.rate)
		if (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("%s at %s: %d, %v, want %d", c.text, c.rate, got, err, c.want)
		}
	}
}
