package foreign_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/foreign"
	"github.com/reweave/reweave/pkg/patch"
)

// timesOf are the times and the hashes of all packets that are no video, without how long
// they last, and without those of the chapters' titles: ffmpeg tells a fragmented file's
// otherwise. Nor the names of the file's kind: OUT is not fragmented.
func timesOf(rest string) string {
	rest = regexp.MustCompile(`(?m)^1, .*\n`).ReplaceAllString(rest, "")
	rest = regexp.MustCompile(`(?m)^(\d+, *-?\d+, *-?\d+), *\d+,`).ReplaceAllString(rest, "$1,")
	rest = regexp.MustCompile(`(?m)^compatible_brands=.*\n`).ReplaceAllString(rest, "")
	return regexp.MustCompile(`(?m), S=.*$`).ReplaceAllString(rest, "")
}

// Fragmented films come out with one header, and the same samples, times and tracks.
func TestFragmented(t *testing.T) {
	const late = "-output_ts_offset 3.3333 "
	for name, c := range map[string]struct {
		file, args string
		way        string
		grown      patch.Frames
		touched    int
	}{
		"no tables in the header": {"a.mp4", x264 + late + "-movflags frag_keyframe+empty_moov", "clone", patch.Frames{From: 24, To: 36}, 0},
		"some in the header":      {"a.mp4", x264 + "-movflags frag_keyframe", "clone", patch.Frames{From: 24, To: 36}, 0},
		"CMAF":                    {"a.mp4", x264 + "-bf 0 -movflags cmaf+dash", "clone", patch.Frames{From: 24, To: 36}, 0},
		"edit lists":              {"a.mp4", x264 + "-movflags frag_keyframe+delay_moov", "clone", patch.Frames{From: 24, To: 36}, 0},
		"HEVC, a track at a time": {"a.mov", x265 + "open-gop=1 -movflags frag_keyframe+empty_moov+separate_moof+omit_tfhd_offset", "clone", patch.Frames{From: 21, To: 36}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			base, fix := deliverable(t, c.file, "yuv420p", strings.Fields(c.args)...), fixOf(t, 5, "yuv420p")
			out, s, err := patched(t, base, foreign.Options{}, fixed(t, fix, 30, 35))
			if err != nil {
				t.Fatal(err)
			}
			if s.Way != c.way || len(s.Regions) != 1 || s.Regions[0].Frames != c.grown || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "fragmented") {
				t.Errorf("%+v, want %s and %v", s, c.way, c.grown)
			}
			was, is := read(t, base), read(t, out)
			if len(is.frames) != frames || len(was.frames) != frames {
				t.Fatalf("%d frames, were %d", len(is.frames), len(was.frames))
			}
			for i := range was.frames {
				if was.frames[i].PTS != is.frames[i].PTS || (was.frames[i].Hash == is.frames[i].Hash) == announced(s, i) {
					t.Errorf("frame %d is %+v, was %+v", i, is.frames[i], was.frames[i])
				}
			}
			packets(t, was, is, s, c.touched)
			if a, b := timesOf(was.rest), timesOf(is.rest); a != b {
				x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
				i := 0
				for i < min(len(x), len(y)) && x[i] == y[i] {
					i++
				}
				t.Errorf("other tracks, tags or chapters from line %d of %d and %d on: %q, want %q", i, len(y), len(x), y[i:min(i+2, len(y))], x[i:min(i+2, len(x))])
			}
			if r := proved(t, base, out, s); len(r.Tracks) != 1 || !r.Tracks[0].Same {
				t.Errorf("%+v", r.Tracks)
			}
			if a, b := streams(t, base), streams(t, out); c.file == "a.mp4" && name != "edit lists" && a != b {
				t.Errorf("%s, want %s", b, a)
			}
		})
	}
}

// The sound of a fragmented film is patched as any.
func TestSoundOfAFragmentedFilm(t *testing.T) {
	fix := kept(t, "fix.mkv", "-f", "lavfi", "-i", pictures+",negate", "-f", "lavfi", "-i", "sine=f=660:r=48000:d=2.4", "-map", "0", "-map", "1",
		"-pix_fmt", "yuv420p", "-c:v", "ffv1", "-c:a", "pcm_s24le")
	plain := deliverable(t, "a.mp4", "yuv420p", strings.Fields(x264+"-b:a 192k")...) // of which ffmpeg doesn't hear what the edit list hides
	base := deliverable(t, "a.mp4", "yuv420p", strings.Fields(x264+"-b:a 192k -movflags frag_keyframe+delay_moov")...)
	x := fixed(t, fix, 30, 40)
	x.Aligned = true
	out, s, err := patched(t, base, foreign.Options{Sound: "patch"}, x)
	if err != nil {
		t.Fatal(err)
	}
	proved(t, base, out, s)
	silent(t, "-i", out, "-map", "0", "-f", "null", "-")
	was, is, fresh := heard(t, plain, 0), heard(t, out, 0), heard(t, fix, 0)
	if d := apart(is, was, 0, 30, 1); d > 0.01 {
		t.Errorf("%g from what it was", d)
	}
	if d := apart(is, fresh, 30, 40, 300); d > 0.01 {
		t.Errorf("%g from the fix", d)
	}
}
