package e2e_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
)

// tone is a film of some frames with a tone; in a range of another one it can be told.
func tone(t *testing.T, frames, hertz string) string {
	t.Helper()
	return toneWith(t, "null", frames, hertz)
}

// toneWith is the same with its pictures changed by a filter, and its sound left as it is.
func toneWith(t *testing.T, filter, frames, hertz string) string {
	t.Helper()
	return kept(t, "in.mov", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25,format=yuvj420p", "-f", "lavfi", "-i", "sine=r=48000:f="+hertz,
		"-filter_complex", "[0:v]trim=end_frame="+frames+","+filter+"[v];[1:a]atrim=end_sample="+frames+"*1920[a]", "-map", "[v]", "-map", "[a]",
		"-c:v", "mjpeg", "-q:v", "3", "-c:a", "pcm_s16le")
}

// TestAPatchedRangeHasItsSound replaces ranges with their sound. Outside of them no sample
// changes, and no seam clicks.
func TestAPatchedRangeHasItsSound(t *testing.T) {
	t.Parallel()
	film, fix, long := tone(t, "300", "441"), tone(t, "20", "1200"), tone(t, "31", "1200")
	own, its := e2e.Listen(t, film, 0), e2e.Listen(t, long, 0)
	const frame = 1920 // samples
	for name, tc := range map[string]struct {
		from, to, frames int
		args             []string
	}{
		"a range":   {100, 120, 20, []string{"--range", "100f-120f=" + fix}},
		"longer":    {100, 120, 31, []string{"--ripple", "--range", "100f-120f=" + long}},
		"shorter":   {100, 150, 20, []string{"--ripple", "--range", "100f-150f=" + fix}},
		"inserted":  {100, 100, 20, []string{"--ripple", "--range", "100f-100f=" + fix}},
		"its head":  {0, 20, 20, []string{"--range", "0f-20f=" + fix}},
		"its end":   {280, 300, 20, []string{"--range", "280f-300f=" + fix}},
		"in front":  {0, 0, 20, []string{"--ripple", "--range", "0f-0f=" + fix}},
		"all of it": {0, 300, 20, []string{"--ripple", "--range", "0f-300f=" + fix}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := based(t, film, "base.mov", append([]string{"--audio", "copy"}, exactly...)...)
			r := patchOf(t, dir, "base.mov", film, "out.mov", append(tc.args, "--audio", "patch")...)
			got := e2e.Listen(t, filepath.Join(dir, "out.mov"), 0)
			want := append([]float32{}, own.Samples[:tc.from*frame]...)
			want = append(want, its.Samples[:tc.frames*frame]...)
			want = append(want, own.Samples[tc.to*frame:]...)
			if len(got.Samples) != len(want) || math.Abs(got.Start()) > 0.0001 {
				t.Fatalf("%d samples from %f s, want %d", len(got.Samples), got.Start(), len(want))
			}
			begin, end := tc.from*frame, (tc.from+tc.frames)*frame
			for i := range want {
				fades := i >= begin && i < begin+240 || i >= end-240 && i < end
				if !fades && got.Samples[i] != want[i] {
					t.Fatalf("sample %d, of frame %d, is %f, want %f", i, i/frame, got.Samples[i], want[i])
				}
			}
			// The steepest that a fade between the two tones can be is both at once.
			steepest := steep(own.Samples) + steep(its.Samples)
			if s := steep(got.Samples); s > steepest {
				t.Errorf("it jumps by %f from one sample to the next, more than %f: a click", s, steepest)
			}
			if tracks := reportOf(t, r.Report).Tracks; len(tracks) != 1 || tracks[0].Same {
				t.Errorf("the report says %+v of the sound", tracks)
			}
			verified(t, dir, "out.mov", "base.mov", 0, "")
		})
	}
}

// steep returns the most by which a sample differs from the one before.
func steep(samples []float32) (most float64) {
	for i := 1; i < len(samples); i++ {
		most = max(most, math.Abs(float64(samples[i]-samples[i-1])))
	}
	return most
}

// TestAPatchedRangeOfEncodedSound has the track encoded anew, as a whole.
func TestAPatchedRangeOfEncodedSound(t *testing.T) {
	t.Parallel()
	film, fix := tone(t, "300", "441"), tone(t, "20", "1200")
	dir := based(t, film, "base.mp4", append([]string{"--audio", "aac"}, exactly...)...)
	patchOf(t, dir, "base.mp4", film, "out.mp4", "--range", "100f-120f="+fix, "--audio", "patch")
	got, was := e2e.Listen(t, filepath.Join(dir, "out.mp4"), 0), e2e.Listen(t, filepath.Join(dir, "base.mp4"), 0)
	if math.Abs(got.Start()-was.Start()) > 0.001 || math.Abs(got.End()-was.End()) > 0.001 {
		t.Errorf("it sounds from %f to %f s, before from %f to %f", got.Start(), got.End(), was.Start(), was.End())
	}
	for _, tc := range []struct{ from, to, hertz float64 }{{1, 3.9, 441}, {4.05, 4.75, 1200}, {4.9, 11, 441}} {
		if f := pitch(got, tc.from, tc.to); math.Abs(f-tc.hertz) > 5 {
			t.Errorf("from %g to %g s it sounds at %f Hz, want %f", tc.from, tc.to, f, tc.hertz)
		}
	}
	if s := steep(got.Samples); s > steep(e2e.Listen(t, film, 0).Samples)+steep(e2e.Listen(t, fix, 0).Samples) {
		t.Errorf("it jumps by %f: a click", s)
	}
}

// pitch counts how often a second a stretch of sound crosses zero upwards.
func pitch(s e2e.Sound, from, to float64) float64 {
	n := 0
	a, b := int((from-s.Start())*float64(s.Rate)), int((to-s.Start())*float64(s.Rate))
	for i := a + 1; i < b; i++ {
		if s.Samples[i-1] < 0 && s.Samples[i] >= 0 {
			n++
		}
	}
	return float64(n) / (to - from)
}

// TestKeptSoundIsBitForBit patches with a source whose sound is another, or none at all.
func TestKeptSoundIsBitForBit(t *testing.T) {
	t.Parallel()
	film := tone(t, "300", "441")
	dir := based(t, film, "base.mp4", append([]string{"--audio", "aac"}, exactly...)...)
	packets := func(name string) string {
		out, _ := e2e.FFmpeg(t, "-i", filepath.Join(dir, name), "-map", "0:a", "-c", "copy", "-f", "framemd5", "-")
		return string(out)
	}
	was, heard := packets("base.mp4"), e2e.Listen(t, filepath.Join(dir, "base.mp4"), 0)
	for name, source := range map[string]string{
		"another": tone(t, "300", "1200"),
		"none":    testenv.Media(t, "in.mov", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=12,format=yuvj420p", "-vf", box, "-c:v", "mjpeg", "-q:v", "3"),
	} {
		out := name + ".mp4"
		r := patchOf(t, dir, "base.mp4", source, out, "--audio", "keep")
		if tracks := reportOf(t, r.Report).Tracks; len(tracks) != 1 || !tracks[0].Same || tracks[0].Before == "" {
			t.Errorf("%s: the report says %+v of the sound", name, tracks)
		}
		if packets(out) != was {
			t.Errorf("%s: packets of the sound are not those of BASE", name)
		}
		got := e2e.Listen(t, filepath.Join(dir, out), 0)
		if math.Abs(got.Start()-heard.Start()) > 0.0002 || len(got.Samples) != len(heard.Samples) {
			t.Errorf("%s: %d samples from %f s, before %d from %f s", name, len(got.Samples), got.Start(), len(heard.Samples), heard.Start())
		}
	}
	for says, args := range map[string][]string{
		"--audio patch takes the sound of":          {"--audio", "patch"},
		`there is no way "loud" to patch the sound`: {"--audio", "loud"},
		"s earlier: the sound of base.mp4 would":    {"--audio", "keep", "--source", toneWith(t, "select='not(between(n,100,109))',setpts=N/25/TB", "300", "441")},
		"is shown 0.400 s later":                    {"--audio", "keep", "--source", toneWith(t, "loop=10:1:60,select='not(between(n,200,209))',setpts=N/25/TB", "300", "441")},
		"it lasts 12.400 s in place of 12.000 s":    {"--audio", "keep", "--source", toneWith(t, "loop=10:1:299,setpts=N/25/TB", "300", "441")},
		"the sound doesn't follow ranges":           {"--audio", "keep", "--ripple", "--range", "0f-0f=" + tone(t, "5", "300")},
		"it has 0 audio tracks, and the film has 1": {"--audio", "patch", "--range", "100f-120f=" + silent(t)},
	} {
		p := e2e.Command(t, dir, append([]string{"patch", "base.mp4", "--source", film, "-o", "bad.mp4", "--data", "data"}, args...)...)
		if code := p.Run(); code != 2 || !strings.Contains(p.Stderr.String(), says) {
			t.Errorf("%v: exit code %d: %s", args, code, &p.Stderr)
		}
		if _, err := os.Stat(filepath.Join(dir, "bad.mp4")); err == nil {
			t.Fatalf("%v: there is an OUT", args)
		}
	}
}

// silent is a fix of 20 frames without sound.
func silent(t *testing.T) string {
	t.Helper()
	return testenv.Media(t, "in.mov", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=0.8,format=yuvj420p", "-c:v", "mjpeg", "-q:v", "3")
}
