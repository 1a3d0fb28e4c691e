package ffmpeg_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/media/mediatest"
)

func tool(t testing.TB) *ffmpeg.Tool {
	t.Helper()
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

var (
	film    = []string{"-f", "lavfi", "-i", mediatest.Video(0.4, "25")}
	sound   = []string{"-f", "lavfi", "-i", "sine=d=0.4"}
	x264    = []string{"-c:v", "libx264", "-preset", "ultrafast"}
	fields  = []string{"-vf", "setfield=tff", "-c:v", "libx264", "-preset", "ultrafast", "-flags", "+ilme+ildct"}
	hdr10   = "log-level=error:hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:max-cll=1000,400:master-display="
	display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
)

func args(parts ...[]string) []string {
	var out []string
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func TestProbe(t *testing.T) {
	type facts struct {
		file  string
		args  []string
		check func(media.Source) bool
	}
	for name, c := range map[string]facts{
		"plain": {"a.mp4", args(film, sound, x264, []string{"-c:a", "aac"}), func(s media.Source) bool {
			v := s.Video
			return strings.Contains(s.Format, "mp4") && s.Duration > 0.3 && s.Duration < 0.5 && v.Codec == "h264" &&
				v.Picture.Width == 320 && v.Picture.Height == 180 && v.Rate == media.Rational{Num: 25, Den: 1} &&
				v.Picture.SAR == media.Rational{Num: 1, Den: 1} && !v.Picture.Interlaced() && v.Rotation == 0 &&
				len(s.Audio) == 1 && s.Audio[0].Codec == "aac" && s.Audio[0].SampleRate == 44100 && s.Audio[0].Channels == 1
		}},
		"NTSC": {"a.mkv", args([]string{"-f", "lavfi", "-i", mediatest.Video(0.4, "30000/1001")}, x264), func(s media.Source) bool {
			return s.Video.Rate == media.Rational{Num: 30000, Den: 1001}
		}},
		"sample aspect": {"a.mp4", args(film, []string{"-vf", "setsar=16/11"}, x264), func(s media.Source) bool {
			return s.Video.Picture.SAR == media.Rational{Num: 16, Den: 11}
		}},
		"colour": {
			"a.mkv", args(film, x264, []string{"-color_primaries", "bt470bg", "-color_trc", "gamma28", "-colorspace", "bt470bg", "-color_range", "pc"}),
			func(s media.Source) bool {
				p := s.Video.Picture
				return p.Primaries == "bt470bg" && p.Transfer == "bt470bg" && p.Matrix == "bt470bg" && p.Range == "pc"
			},
		},
		"no colour":       {"a.mp4", args(film, x264), func(s media.Source) bool { return s.Video.Picture.Primaries == "" && s.Video.Picture.Transfer == "" }},
		"interlaced":      {"a.mp4", args(film, fields), func(s media.Source) bool { return s.Video.Picture.FieldOrder == "tt" && s.Video.Picture.Interlaced() }},
		"interlaced, avi": {"a.avi", args(film, []string{"-vf", "setfield=bff", "-c:v", "mpeg4", "-flags", "+ilme+ildct"}), func(s media.Source) bool { return s.Video.Picture.FieldOrder == "bb" }},
		"10 bits":         {"a.mov", args(film, []string{"-c:v", "prores_ks", "-profile:v", "0"}), func(s media.Source) bool { return s.Video.Picture.PixFmt == "yuv422p10le" }},
		"HDR10 in mp4":    {"a.mp4", args(film, []string{"-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", hdr10 + display}), isHDR10},
		"HDR10 in ts":     {"a.ts", args(film, []string{"-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", hdr10 + display}), isHDR10},
		"cover picture":   {"a.m4a", args(film, sound, film, []string{"-map", "2:v", "-map", "1:a", "-map", "0:v", "-c:v:0", "libx264", "-c:v:1", "mjpeg", "-frames:v:1", "1", "-disposition:v:1", "attached_pic"}), hasCover},
		"language, title": {"a.mkv", args(film, sound, x264, []string{"-metadata:s:a:0", "language=fra", "-metadata:s:a:0", "title=Voix", "-disposition:a:0", "default"}), func(s media.Source) bool {
			return s.Audio[0].Language == "fra" && s.Audio[0].Title == "Voix" && s.Audio[0].Default
		}},
		"starts at 3600 s": {"a.ts", args(film, x264, []string{"-output_ts_offset", "3600"}), func(s media.Source) bool { return s.Start > 3599 && s.Start < 3603 && s.Video.Start > 3599*90000 }},
		"y4m":              {"a.y4m", args(film, []string{"-pix_fmt", "yuv444p"}), func(s media.Source) bool { return s.Video.Codec == "rawvideo" && s.Video.Picture.PixFmt == "yuv444p" }},
	} {
		t.Run(name, func(t *testing.T) {
			path := mediatest.Make(t, c.file, c.args...)
			got, err := tool(t).Probe(t.Context(), ffmpeg.Input{Path: path, Name: c.file}, nil)
			if err != nil || !c.check(got) {
				t.Errorf("%+v, %v", got, err)
			}
			head, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains([]string{".mkv", ".ts", ".y4m"}, filepath.Ext(c.file)) {
				return
			}
			if got, err := tool(t).Probe(t.Context(), ffmpeg.Input{Name: c.file}, head); err != nil || !c.check(got) {
				t.Errorf("from standard input: %+v, %v", got, err)
			}
		})
	}
}

func isHDR10(s media.Source) bool {
	p := s.Video.Picture
	return p.Mastering == display && p.Light == "1000,400" && p.Transfer == "smpte2084" && p.Matrix == "bt2020nc"
}

func hasCover(s media.Source) bool {
	return s.Video.Codec == "h264" && len(s.Other) == 1 && s.Other[0].Codec == "mjpeg"
}

// The rotation is the clockwise one, as ffmpeg itself turns the pictures when it plays them.
func TestProbeTellsTheRotation(t *testing.T) {
	plain := mediatest.Make(t, "a.mp4", args(film, []string{"-frames:v", "1"}, x264)...)
	turned := map[int]string{0: "null", 90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"}
	seen := map[int]bool{}
	for _, degrees := range []string{"0", "90", "180", "270"} {
		path := mediatest.Make(t, "r.mp4", "-i", plain, "-c", "copy", "-metadata:s:v:0", "rotate="+degrees)
		s, err := tool(t).Probe(t.Context(), ffmpeg.Input{Path: path, Name: "r.mp4"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := mediatest.Run(t, "-i", path, "-f", "rawvideo", "-")
		got := mediatest.Run(t, "-i", plain, "-vf", turned[s.Video.Rotation], "-f", "rawvideo", "-")
		if !bytes.Equal(got, want) {
			t.Errorf("the picture is not turned by %d degrees", s.Video.Rotation)
		}
		seen[s.Video.Rotation] = true
	}
	if len(seen) != 4 {
		t.Errorf("rotations %v", seen)
	}
}

// What is no video is refused with its name, and without our own paths.
func TestProbeRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	victim := mediatest.Make(t, "victim.mp4", args(film, x264)...)
	for name, c := range map[string]struct{ path, slug string }{
		"not there":       {filepath.Join(dir, "nowhere"), "not-media"},
		"not a video":     {file("a.bin", strings.Repeat("The quick brown fox.\n", 100)), "not-media"},
		"empty":           {file("b.mp4", ""), "not-media"},
		"sound alone":     {mediatest.Make(t, "a.m4a", sound...), "no-video"},
		"WAV":             {mediatest.Make(t, "a.wav", sound...), "no-video"},
		"no sizes":        {headless(t), "not-media"},
		"HLS playlist":    {file("c.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://"+victim+"\n#EXT-X-ENDLIST\n"), "unsupported-container"},
		"concat playlist": {file("d.mp4", "ffconcat version 1.0\nfile "+filepath.Base(victim)+"\n"), "unsupported-container"},
		"still picture":   {mediatest.Make(t, "a.png", args(film, []string{"-frames:v", "1"})...), "unsupported-container"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tool(t).Probe(t.Context(), ffmpeg.Input{Path: c.path, Name: "film.mp4"}, nil)
			e, ok := errors.AsType[*fault.Error](err)
			if !ok || e.Class != fault.User || e.Type != c.slug {
				t.Fatalf("%v, want %s", err, c.slug)
			}
			if !strings.HasPrefix(e.Error(), "film.mp4: ") || strings.Contains(e.Error(), dir) || e.Hint == "" {
				t.Errorf("the message names no source, or our path: %v", e)
			}
		})
	}
}

// headless is an MP4 with a video track that has no frame.
func headless(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(mediatest.Make(t, "a.mp4", args(film, x264, []string{"-movflags", "empty_moov+frag_keyframe"})...))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "headless.mp4")
	head, _, found := strings.Cut(string(b), "moof")
	if !found {
		t.Fatal("no fragment in a fragmented file")
	}
	if err := os.WriteFile(path, []byte(head[:len(head)-4]), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStartOf(t *testing.T) {
	path := mediatest.Make(t, "a.mkv", args(film, x264, []string{"-output_ts_offset", "10"})...)
	if got, err := tool(t).StartOf(t.Context(), path); err != nil || got < 9.9 || got > 10.1 {
		t.Errorf("%g, %v", got, err)
	}
	if _, err := tool(t).StartOf(t.Context(), path+".not"); err == nil {
		t.Error("a file that is not there has a start")
	}
}
