package timeline_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/timeline"
)

var (
	film  = media.Rational{Num: 24000, Den: 1001}
	cine  = media.Rational{Num: 24, Den: 1}
	pal   = media.Rational{Num: 25, Den: 1}
	ntsc  = media.Rational{Num: 30000, Den: 1001}
	fast  = media.Rational{Num: 60000, Den: 1001}
	swift = media.Rational{Num: 120000, Den: 1001}
)

// clocks are all ways to count frames that films have.
var clocks = []timeline.Clock{
	{Rate: film},
	{Rate: cine},
	{Rate: pal},
	{Rate: ntsc},
	{Rate: ntsc, Drop: true},
	{Rate: media.Rational{Num: 30, Den: 1}},
	{Rate: media.Rational{Num: 48000, Den: 1001}},
	{Rate: media.Rational{Num: 48, Den: 1}},
	{Rate: media.Rational{Num: 50, Den: 1}},
	{Rate: fast},
	{Rate: fast, Drop: true},
	{Rate: media.Rational{Num: 60, Den: 1}},
	{Rate: media.Rational{Num: 100, Den: 1}},
	{Rate: swift},
	{Rate: swift, Drop: true},
	{Rate: media.Rational{Num: 120, Den: 1}},
}

// TestTimecodesNameEachFrameOnce goes from frames to timecodes and back.
func TestTimecodesNameEachFrameOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(clocks).Draw(t, "clock")
		frame := rapid.IntRange(0, 24*3600*c.Base()-1).Draw(t, "frame")
		text := c.Text(frame)
		if got, err := c.Frame(text); err != nil || got != frame {
			t.Fatalf("frame %d is %s, which is frame %d, %v", frame, text, got, err)
		}
		if got, err := timeline.At(text, c.Rate); err != nil || got != frame {
			t.Fatalf("by its mark %s is frame %d, not %d, %v", text, got, frame, err)
		}
		if next := c.Text(frame + 1); next <= text && len(next) == len(text) {
			t.Fatalf("%s does not follow %s", next, text)
		}
	})
}

// TestDropFrameFollowsTheWallClock has each minute of a day.
func TestDropFrameFollowsTheWallClock(t *testing.T) {
	for _, c := range clocks {
		if !c.Drop {
			continue
		}
		for minute := range 24 * 60 {
			// The first number that such a minute has, 2 in 30 behind its beginning.
			text := timeline.Clock{Rate: c.Rate}.Text((minute*60)*c.Base() + c.Base()/15)
			text = text[:8] + ";" + text[9:]
			frame, err := c.Frame(text)
			if err != nil {
				t.Fatal(err)
			}
			// Of a day it leaves out 86 ms too many, and the number is 67 ms behind the minute.
			off := float64(frame)/c.Rate.Float() - float64(minute)*60
			if off < -0.087 || off > 0.067 {
				t.Fatalf("%s is frame %d, which is %.3f s behind the minute", text, frame, off)
			}
			if got := c.Text(frame); got != text {
				t.Fatalf("frame %d is %s, not %s", frame, got, text)
			}
		}
	}
}

func TestTimecodes(t *testing.T) {
	for _, tc := range []struct {
		clock timeline.Clock
		text  string
		want  int // -1: refused
		says  string
	}{
		{timeline.Clock{Rate: pal}, "01:00:00:00", 90000, ""},
		{timeline.Clock{Rate: film}, "00:00:59:23", 1439, ""},
		{timeline.Clock{Rate: ntsc, Drop: true}, "00:01:00;02", 1800, ""},
		{timeline.Clock{Rate: ntsc, Drop: true}, "00:01:00:02", 1800, ""},
		{timeline.Clock{Rate: ntsc, Drop: true}, "00:10:00.00", 17982, ""},
		{timeline.Clock{Rate: ntsc, Drop: true}, "01:00:00;00", 107892, ""},
		{timeline.Clock{Rate: fast, Drop: true}, "01:00:00;00", 215784, ""},
		{timeline.Clock{Rate: ntsc, Drop: true}, "00:01:00;01", -1, "leaves out"},
		{timeline.Clock{Rate: ntsc}, "00:01:00;02", -1, "among others that are not"},
		{timeline.Clock{Rate: pal, Drop: true}, "00:01:00;02", -1, "which 25/1 has not"},
		{timeline.Clock{Rate: pal}, "00:00:00:25", -1, "frame 25, at 25"},
		{timeline.Clock{Rate: pal}, "00:00:60:00", -1, "no timecode"},
		{timeline.Clock{Rate: pal}, "00:00:10", -1, "no timecode"},
		{timeline.Clock{}, "00:00:00:00", -1, "at 0 frames"},
	} {
		got, err := tc.clock.Frame(tc.text)
		if tc.want >= 0 && (err != nil || got != tc.want) || tc.want < 0 && (err == nil || !strings.Contains(err.Error(), tc.says)) {
			t.Errorf("%s at %+v: %d, %v, want %d %s", tc.text, tc.clock, got, err, tc.want, tc.says)
		}
	}
	if got := (timeline.Clock{Rate: pal}).Text(-26); got != "-00:00:01:01" {
		t.Error(got)
	}
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]media.Rational{
		"25": pal, "23.976": film, "23.98": film, "23.976023976": film, "24": cine, "29.97": ntsc, "59.94": fast, "119.88": swift,
		"30000/1001": ntsc, " 25 ": pal, "25.0": pal, "12": {Num: 12, Den: 1},
	} {
		if got, err := timeline.ParseRate(text); err != nil || got != want {
			t.Errorf("%q: %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-25", "1/0", "fast", "26.5", "NaN", "Inf", "100000"} {
		if got, err := timeline.ParseRate(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func FuzzTimecode(f *testing.F) {
	for _, s := range []string{"01:00:00:00", "00:01:00;02", "00:00:59.29", "9999:59:59:119", "1:2:3", "00:01:00;00", "٠1:00:00:00"} {
		f.Add(s, 0)
	}
	f.Fuzz(func(t *testing.T, text string, n int) {
		c := clocks[uint(n)%uint(len(clocks))]
		frame, err := c.Frame(text)
		if err != nil {
			return
		}
		if again, err := c.Frame(c.Text(frame)); err != nil || again != frame {
			t.Errorf("%q is frame %d, which is %s, and that %d, %v", text, frame, c.Text(frame), again, err)
		}
	})
}
