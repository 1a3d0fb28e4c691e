package splitter

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/plan"
)

// tone makes a sound of some samples, late by some seconds.
func tone(t *testing.T, hertz, rate, channels, samples int, late string) (string, media.Stream) {
	t.Helper()
	path := mediatest.Make(t, "a.mov", "-itsoffset", late, "-f", "lavfi", "-i", fmt.Sprintf("aevalsrc=exprs=0.4*sin(2*PI*%d*t):s=%d", hertz, rate),
		"-af", fmt.Sprintf("atrim=end_sample=%d", samples), "-ac", "1", "-c:a", "pcm_s16le", "-movie_timescale", "240000")
	if channels == 2 {
		path = mediatest.Make(t, "b.mov", "-copyts", "-i", path, "-af", "pan=stereo|c0=c0|c1=c0", "-c:a", "pcm_s16le", "-movie_timescale", "240000")
	}
	return path, media.Stream{Codec: "pcm_s16le", SampleRate: rate, Channels: channels}
}

// left returns the samples of a channel, from -1 to 1.
func left(t *testing.T, path string, channel int) (all []float64) {
	t.Helper()
	b := mediatest.Run(t, "-i", path, "-f", "s16le", "-")
	for i := 2 * channel; i+1 < len(b); i += 4 {
		all = append(all, float64(int16(binary.LittleEndian.Uint16(b[i:])))/32768) //nolint:gosec // its sign is wanted
	}
	return all
}

// loudest returns the loudest of some samples, sharpest the most by which they bend.
func loudest(all []float64) (most float64) {
	for _, v := range all {
		most = max(most, math.Abs(v))
	}
	return most
}

func sharpest(all []float64) (most float64) {
	for i := 2; i < len(all); i++ {
		most = max(most, math.Abs(all[i]-2*all[i-1]+all[i-2]))
	}
	return most
}

// A fix in 1 s to 1.5 s of a stereo film of 48 kHz whose sound doesn't fill it, or is of
// another form.
func TestSoundThatDoesNotFillItsRange(t *testing.T) {
	mediatest.NoLeaks(t)
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	film, stream := tone(t, 441, 48000, 2, 144000, "0")
	own := left(t, film, 0)
	for name, tc := range map[string]struct {
		rate, channels, samples int
		late                    string
		from, to                float64 // where it is heard, in seconds of the range
		notes                   []string
	}{
		"it fills it":   {48000, 2, 24000, "0", 0, 0.5, nil},
		"it is longer":  {48000, 2, 30000, "0", 0, 0.5, nil},
		"short":         {48000, 2, 22450, "0", 0, 22450. / 48000, []string{"the sound of fix.mov ends 0.032 s before its range: silence from there"}},
		"short by 1 ms": {48000, 2, 23952, "0", 0, 23952. / 48000, nil},
		"late":          {48000, 2, 24000, "0.1", 0.1, 0.5, []string{"the sound of fix.mov begins 0.100 s after its range: silence until there"}},
		"late, short": {48000, 2, 9600, "0.1", 0.1, 0.3, []string{
			"the sound of fix.mov begins 0.100 s after its range: silence until there", "the sound of fix.mov ends 0.200 s before its range: silence from there",
		}},
		"elsewhere": {48000, 2, 9600, "0.7", 0, 0, []string{"the sound of fix.mov is not in its range: silence there"}},
		"mono":      {48000, 1, 24000, "0", 0, 0.5, []string{"the sound of fix.mov was converted: 1 channel at 48000 Hz became 2 channels at 48000 Hz"}},
		"44.1 kHz":  {44100, 1, 22050, "0", 0, 0.5, []string{"the sound of fix.mov was converted: 1 channel at 44100 Hz became 2 channels at 48000 Hz"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fix, source := tone(t, 1000, tc.rate, tc.channels, tc.samples, tc.late)
			w := &work{service: &service{tool: tool}, dir: t.TempDir()}
			w.plan.Audio = []plan.Audio{{Stream: stream, Codec: "copy"}}
			w.tracks.audio = []string{film}
			w.splices = []splice{{name: "fix.mov", files: []string{fix}, sources: []media.Stream{source}, from: 1, to: 1.5, length: 0.5}}
			if err := w.fit(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(w.plan.Notes, tc.notes) {
				t.Errorf("the notes are %q", w.plan.Notes)
			}
			for channel := range 2 {
				got := left(t, w.tracks.audio[0], channel)
				if len(got) != len(own) || !slices.Equal(got[:48000], own[:48000]) || !slices.Equal(got[72000:], own[72000:]) {
					t.Fatalf("%d samples, want %d, and those outside of the range as they were", len(got), len(own))
				}
				begin, end := 48000+int(48000*tc.from), 48000+int(48000*tc.to)
				// The sharpest that a fade from one tone into the other can be is both at once.
				if s, most := sharpest(got), 0.4*4*math.Pi*math.Pi*(1000*1000+441*441)/(48000*48000)+0.001; s > most {
					t.Errorf("it bends by %f, more than %f: a click", s, most)
				}
				if l := loudest(got[begin+240 : max(begin+240, end-240)]); tc.to > 0 && math.Abs(l-0.4) > 0.005 {
					t.Errorf("channel %d is as loud as %f, want 0.4", channel, l)
				}
				if l := loudest(slices.Concat(got[48240:max(48240, begin)], got[min(end, 71760):71760])); tc.to > 0 && l > 0.0001 {
					t.Errorf("there is a sound of %f where the fix has none", l)
				}
			}
		})
	}
}
