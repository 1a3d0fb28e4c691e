package foreign_test

import (
	"encoding/binary"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/foreign"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/patch"
)

// heard decodes a track from the film's beginning on.
func heard(t *testing.T, path string, track int) []float64 {
	t.Helper()
	b := mediatest.Run(t, "-i", path, "-map", "0:a:"+strconv.Itoa(track), "-af", "aresample=48000:async=1:first_pts=0", "-ac", "1", "-f", "f32le", "-")
	out := make([]float64, len(b)/4)
	for i := range out {
		out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
	}
	return out
}

// apart is the greatest distance of two sounds between two frames, but for so many samples
// at either end.
func apart(a, b []float64, from, to, margin int) (most float64) {
	const perFrame = 48000 / 25
	for i := max(0, from*perFrame+margin); i < min(to*perFrame-margin, len(a), len(b)); i++ {
		most = max(most, math.Abs(a[i]-b[i]))
	}
	return most
}

// steepest is the greatest step from one sample to the next.
func steepest(a []float64) (most float64) {
	for i := 1; i < len(a); i++ {
		most = max(most, math.Abs(a[i]-a[i-1]))
	}
	return most
}

// The sound of the fix stands in its range, and nowhere else; no seam makes a click.
func TestSoundIsPatched(t *testing.T) {
	fix := kept(t, "fix.mkv", "-f", "lavfi", "-i", pictures+",negate", "-f", "lavfi", "-i", "sine=f=660:r=48000:d=2.4", "-map", "0", "-map", "1", "-map", "1",
		"-pix_fmt", "yuv420p", "-c:v", "ffv1", "-c:a", "pcm_s24le")
	video := []string{"-map", "1:a", "-c:v", "libx264", "-preset", "veryfast", "-g", "12", "-sc_threshold", "0"}
	for name, c := range map[string]struct {
		file string
		args []string
		far  float64 // how far decoded samples may be from what they were: 0 for none that is compressed
	}{
		"PCM and ALAC, mov":      {"a.mov", []string{"-c:a:0", "pcm_s24le", "-c:a:1", "alac"}, 0},
		"AAC and AC-3, mp4":      {"a.mp4", []string{"-c:a:0", "aac", "-b:a:0", "192k", "-c:a:1", "ac3", "-b:a:1", "192k", "-movflags", "+faststart"}, 0.01},
		"FLAC and Opus, mp4":     {"a.mp4", []string{"-c:a:0", "flac", "-c:a:1", "libopus", "-b:a:1", "192k", "-strict", "experimental"}, 0.03},
		"AAC, which begins late": {"late.mov", []string{"-c:a", "aac", "-b:a", "192k"}, 0.01},
	} {
		t.Run(name, func(t *testing.T) {
			base := deliverable(t, c.file, "yuv420p", slices.Concat(video, c.args)...)
			if c.file == "late.mov" {
				base = kept(t, c.file, "-i", base, "-itsoffset", "0.2", "-i", base, "-map", "0:v", "-map", "1:a", "-c", "copy")
			}
			a, b := fixed(t, fix, 20, 26), fixed(t, fix, 40, 50)
			a.Aligned, b.Aligned = true, true
			out, s, err := patched(t, base, foreign.Options{Sound: "patch"}, b, a)
			if err != nil {
				t.Fatal(err)
			}
			r := proved(t, base, out, s)
			if len(r.Tracks) != 2 || r.Tracks[0].Same || r.Tracks[1].Same {
				t.Errorf("%+v", r.Tracks)
			}
			silent(t, "-i", out, "-map", "0", "-f", "null", "-")
			if x, y := streams(t, base), streams(t, out); x != y {
				t.Errorf("%s, want %s", y, x)
			}
			for track := range 2 {
				was, is, fresh := heard(t, base, track), heard(t, out, track), heard(t, fix, 0)
				if d := len(is) - len(was); d < -2048 || d > 2048 {
					t.Errorf("track %d: %d samples, were %d", track, len(is), len(was))
				}
				const fade = 300 // 5 ms are 240 samples
				for _, f := range []patch.Frames{{From: 0, To: 20}, {From: 26, To: 40}, {From: 50, To: 59}} {
					if d := apart(is, was, f.From, f.To, 1); d > c.far {
						t.Errorf("track %d: %g from what it was in %v", track, d, f)
					}
				}
				for _, f := range []patch.Frames{{From: 20, To: 26}, {From: 40, To: 50}} {
					if d := apart(is, fresh, f.From, f.To, fade); d > max(c.far, 0.001) {
						t.Errorf("track %d: %g from the fix in %v", track, d, f)
					}
				}
				if step := steepest(is[:59*1920]); step > 1.2*max(steepest(was[:59*1920]), steepest(fresh))+c.far {
					t.Errorf("track %d: a step of %g", track, step)
				}
			}
		})
	}
}

// The sound of another file stands in the place of the film's, packet by packet.
func TestSoundIsReplaced(t *testing.T) {
	other := kept(t, "new.mp4", "-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", "sine=f=660:r=44100:d=2.4", "-map", "0", "-map", "1",
		"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-b:a", "96k")
	fix := fixOf(t, 5, "yuv420p")
	for _, file := range []string{"a.mp4", "a.mov"} {
		base := deliverable(t, file, "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-g", "12", "-sc_threshold", "0")
		out, s, err := patched(t, base, foreign.Options{Sound: "new", NewSound: other}, fixed(t, fix, 30, 35))
		if err != nil {
			t.Fatal(err)
		}
		proved(t, base, out, s)
		coded := func(path string) string {
			return string(mediatest.Run(t, "-i", path, "-map", "0:a", "-c", "copy", "-f", "streamhash", "-"))
		}
		if a, b := coded(other), coded(out); a != b {
			t.Errorf("%s: %s, want %s", file, b, a)
		}
		if d := apart(heard(t, other, 0), heard(t, out, 0), 0, 59, 0); d > 0 {
			t.Errorf("%s: %g from the new sound", file, d)
		}
	}
}

// New sound for Matroska is refused, with a command that makes a film of it that takes it.
func TestSoundOfMatroskaIsReplacedOnceItIsRemuxed(t *testing.T) {
	fix := kept(t, "fix.mkv", "-f", "lavfi", "-i", pictures+",negate", "-f", "lavfi", "-i", "sine=f=660:r=48000:d=2.4", "-frames:v", "5", "-c:v", "ffv1", "-pix_fmt", "yuv420p", "-c:a", "aac")
	base := deliverable(t, "a.mkv", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-g", "12", "-sc_threshold", "0")
	o := foreign.Options{Sound: "new", NewSound: fix}
	_, _, err := patched(t, base, o, fixed(t, fix, 30, 35))
	refused(t, "Matroska", err, "sound-not-patchable", "remux it")
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatal(err)
	}
	_, command, _ := strings.Cut(e.Hint, "with ffmpeg ")
	remuxed := filepath.Join(t.TempDir(), "OUT.mp4")
	mediatest.Run(t, strings.Fields(strings.NewReplacer(" IN ", " "+base+" ", " OUT.mp4", " "+remuxed).Replace(" "+command))...)
	out, s, err := patched(t, remuxed, o, fixed(t, fix, 30, 35))
	if err != nil {
		t.Fatal(err)
	}
	proved(t, remuxed, out, s)
}

func TestSoundThatCanNotBePatched(t *testing.T) {
	fix := fixOf(t, 5, "yuv420p")
	video := []string{"-c:v", "libx264", "-preset", "veryfast", "-g", "12", "-sc_threshold", "0"}
	for name, c := range map[string]struct {
		file  string
		args  []string
		sound string
		slug  string
	}{
		"Matroska":            {"a.mkv", video, "patch", "sound-not-patchable"},
		"no sound":            {"a.mp4", append(slices.Clone(video), "-map", "-0:a", "-map", "-1:a", "-an"), "patch", "sound-not-patchable"},
		"a fix without sound": {"a.mp4", video, "patch", "no-such-track"},
		"a new one without":   {"a.mp4", video, "new", "no-such-track"},
	} {
		base := deliverable(t, c.file, "yuv420p", c.args...)
		_, _, err := patched(t, base, foreign.Options{Sound: c.sound, NewSound: fix}, fixed(t, fix, 30, 35))
		refused(t, name, err, c.slug)
	}
}
