package foreign_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/foreign"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/patch"
)

// fieldOrder returns what ffprobe tells of the order of fields, of the packets' header and
// of every frame.
func fieldOrder(t *testing.T, path string) (header string, frames []bool, interlaced int) {
	t.Helper()
	var got struct {
		Streams []struct {
			Order string `json:"field_order"`
		} `json:"streams"`
		Frames []struct {
			Interlaced int `json:"interlaced_frame"`
			Top        int `json:"top_field_first"`
		} `json:"frames"`
	}
	mediatest.Probe(t, path, &got, "-select_streams", "v:0", "-show_streams", "-show_frames")
	for _, f := range got.Frames {
		frames = append(frames, f.Top == 1)
		interlaced += f.Interlaced
	}
	return got.Streams[0].Order, frames, interlaced
}

// Fields keep their order, whether a picture holds both (MBAFF) or MPEG-2 codes them.
func TestInterlaced(t *testing.T) {
	const mpeg2 = "-c:v mpeg2video -q:v 3 -g 12 -bf 0 -flags +cgop+ilme+ildct -sc_threshold 1000000000 "
	for name, c := range map[string]struct {
		file, order, args, way string
	}{
		"H.264, top first":          {"a.mp4", "tff", x264 + "-flags +ilme+ildct -x264-params tff=1", "clone"},
		"H.264, bottom first":       {"a.mov", "bff", x264 + "-flags +ilme+ildct -x264-params bff=1", "clone"},
		"H.264, top first, mkv":     {"a.mkv", "tff", x264 + "-flags +ilme+ildct -x264-params tff=1", "clone"},
		"MPEG-2, top first":         {"a.mov", "tff", mpeg2 + "-top 1", "frames"},
		"MPEG-2, bottom first, mkv": {"a.mkv", "bff", mpeg2 + "-top 0", "frames"},
	} {
		t.Run(name, func(t *testing.T) {
			filter := ",setfield=" + c.order
			args := append([]string{"-vf", "setfield=" + c.order}, strings.Fields(c.args)...)
			base := deliverable(t, c.file, "yuv420p", args...)
			fix := kept(t, "fix.mkv", "-f", "lavfi", "-i", pictures+",negate,hflip"+filter, "-frames:v", "5", "-pix_fmt", "yuv420p", "-c:v", "ffv1",
				"-flags", "+ilme+ildct", "-field_order", map[string]string{"tff": "tt", "bff": "bb"}[c.order])
			out, s, err := patched(t, base, foreign.Options{}, fixed(t, fix, 30, 35))
			if err != nil {
				t.Fatal(err)
			}
			if s.Way != c.way || len(s.Regions) != 1 || s.Regions[0].Frames != (patch.Frames{From: 24, To: 36}) {
				t.Errorf("%+v", s)
			}
			unchanged(t, base, out, s, 0)
			alike(t, out, fix, "yuv420p", 30, 5, 0, 30)
			proved(t, base, out, s)
			was, top, n := fieldOrder(t, base)
			is, topNow, nNow := fieldOrder(t, out)
			if is != was || !slices.Equal(top, topNow) || n != frames || nNow != n || slices.Contains(top, c.order == "bff") {
				t.Errorf("%s with %d interlaced frames, was %s with %d: %v", is, nNow, was, n, topNow)
			}
		})
	}
}

// Times that are no multiples of a frame stay as they are.
func TestVariableRate(t *testing.T) {
	fix := fixOf(t, frames, "yuv420p")
	for _, file := range []string{"a.mp4", "a.mov", "a.mkv"} {
		t.Run(file, func(t *testing.T) {
			base := deliverable(t, file, "yuv420p", append(strings.Fields(x264+"-bf 3 -fps_mode vfr"),
				"-vf", "settb=1/90000,setpts='(N+0.3*sin(N)+max(0,N-20)*0.5)/25/TB'", "-enc_time_base", "1/90000")...)
			x := fixed(t, fix, 30, 35)
			x.Aligned = true
			out, s, err := patched(t, base, foreign.Options{}, x)
			if err != nil {
				t.Fatal(err)
			}
			unchanged(t, base, out, s, 0)
			proved(t, base, out, s)
			alike(t, out, fix, "yuv420p", 30, 5, 30, 35)
		})
	}
}

// A film that was cut without encoding it has frames that its edit list hides.
func TestHiddenFrames(t *testing.T) {
	whole := deliverable(t, "a.mp4", "yuv420p", strings.Fields(x264)...)
	base := kept(t, "cut.mp4", "-ss", "0.7", "-i", whole, "-map", "0:v", "-map", "0:a", "-c", "copy")
	fix := fixOf(t, 5, "yuv420p")
	hidden := frames - len(mediatest.Frames(t, base)) - 12 // a group of pictures before is left out
	if hidden <= 0 {
		t.Fatalf("%d hidden frames", hidden)
	}
	out, s, err := patched(t, base, foreign.Options{}, fixed(t, fix, 10, 15))
	if err != nil {
		t.Fatal(err)
	}
	if want := (patch.Frames{From: 12 - hidden, To: 24 - hidden}); len(s.Regions) != 1 || s.Regions[0].Frames != want {
		t.Errorf("%+v, want %v", s.Regions, want)
	}
	unchanged(t, base, out, s, 0)
	alike(t, out, fix, "yuv420p", 10, 5, 0, 35)
	proved(t, base, out, s)
	_, _, err = patched(t, base, foreign.Options{}, fixed(t, fix, 0, 5))
	refused(t, "in the hidden group", err, "edit-list", "hides")
}

// Several sound tracks, subtitles, a timecode and chapters stay, packet by packet.
func TestManyTracks(t *testing.T) {
	subs := filepath.Join(t.TempDir(), "a.srt")
	if err := os.WriteFile(subs, []byte("1\n00:00:00,300 --> 00:00:00,900\nOne\n\n2\n00:00:01,000 --> 00:00:01,500\nTwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	more := []string{"-map", "0:a", "-map", "0:a", "-map", "0:a", "-map", "1:s", "-metadata:s:a:1", "language=fra", "-timecode", "01:00:00:00", "-disposition:a:2", "0"}
	plain := deliverable(t, "plain.mov", "yuv444p", "-c:v", "ffv1")
	for file, args := range map[string]string{
		"a.mov": "-c:v prores_ks -profile:v 1 -pix_fmt yuv422p10le -c:a:1 pcm_s24le -c:a:2 alac -c:s mov_text",
		"a.mp4": x264 + "-c:a:1 ac3 -c:a:2 libopus -strict experimental -c:s mov_text -movflags +faststart -pix_fmt yuv420p",
		"a.mkv": x264 + "-c:a:1 aac -c:a:2 libopus -c:s ass -attach " + subs + " -metadata:s:t mimetype=text/plain -pix_fmt yuv420p",
	} {
		t.Run(file, func(t *testing.T) {
			pixFmt := "yuv420p"
			if file == "a.mov" {
				pixFmt = "yuv422p10le"
			}
			base := kept(t, file, slices.Concat([]string{"-i", plain, "-i", subs, "-map", "0:v"}, more, strings.Fields(args))...)
			out, s, err := patched(t, base, foreign.Options{}, fixed(t, fixOf(t, 5, pixFmt), 30, 35))
			if err != nil {
				t.Fatal(err)
			}
			unchanged(t, base, out, s, 0)
			r := proved(t, base, out, s)
			if len(r.Tracks) != 4 || slices.ContainsFunc(r.Tracks, func(t patch.Track) bool { return !t.Same }) {
				t.Errorf("%+v", r.Tracks)
			}
			if a, b := streams(t, base), streams(t, out); a != b {
				t.Errorf("%s, want %s", b, a)
			}
		})
	}
}

// streams is what ffprobe tells of all streams and chapters but for sizes and rates.
func streams(t *testing.T, path string) string {
	t.Helper()
	var got struct {
		Streams []struct {
			Kind        string            `json:"codec_type"`
			Codec       string            `json:"codec_name"`
			Tag         string            `json:"codec_tag_string"`
			Start       string            `json:"start_time"`
			Time        string            `json:"time_base"`
			Extra       int               `json:"extradata_size"`
			Disposition map[string]int    `json:"disposition"`
			Tags        map[string]string `json:"tags"`
		} `json:"streams"`
		Chapters []struct {
			Start string            `json:"start_time"`
			Tags  map[string]string `json:"tags"`
		} `json:"chapters"`
	}
	mediatest.Probe(t, path, &got, "-show_streams", "-show_chapters")
	var b strings.Builder
	for _, s := range got.Streams {
		b.WriteString(strings.Join([]string{s.Kind, s.Codec, s.Tag, s.Start, s.Time, sorted(s.Tags)}, " ") + "\n")
	}
	for _, c := range got.Chapters {
		b.WriteString(c.Start + " " + sorted(c.Tags) + "\n")
	}
	return b.String()
}

func sorted(tags map[string]string) string {
	var out []string
	for k, v := range tags {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// Where this ffmpeg has several decoders of a codec, all are asked; one that gives other
// frames than another is told.
func TestDecodersAreCompared(t *testing.T) {
	base := deliverable(t, "a.webm", "yuv420p", strings.Fields("-c:a libopus -c:v libvpx-vp9 -b:v 0 -crf 30 -cpu-used 8 -deadline realtime -g 12 -keyint_min 12")...)
	out, s, err := patched(t, base, foreign.Options{}, fixed(t, fixOf(t, 5, "yuv420p"), 30, 35))
	if err != nil {
		t.Fatal(err)
	}
	film, err := foreign.Open(t.Context(), tool(t), base, "a.webm")
	if err != nil {
		t.Fatal(err)
	}
	defer film.Close()
	names, err := film.Compare(t.Context(), out, s)
	if err != nil || !slices.Equal(names, []string{"vp9", "libvpx-vp9"}) {
		t.Errorf("%v, %v", names, err)
	}
	short := kept(t, "short.webm", "-i", base, "-map", "0:v", "-c", "copy", "-t", "1.5")
	if _, err := film.Compare(t.Context(), short, s); err == nil || !strings.Contains(err.Error(), "not the same") {
		t.Errorf("%v", err)
	}
	if names, err := none(t).Compare(t.Context(), out, s); err != nil || len(names) != 0 {
		t.Errorf("%v, %v", names, err)
	}
}

// none opens a film of a codec with one decoder.
func none(t *testing.T) *foreign.Film {
	t.Helper()
	film, err := foreign.Open(t.Context(), tool(t), deliverable(t, "a.mp4", "yuv420p", strings.Fields(x264)...), "a.mp4")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(film.Close)
	return film
}
