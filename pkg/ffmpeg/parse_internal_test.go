package ffmpeg

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/media"
)

func TestNominalRate(t *testing.T) {
	for _, c := range []struct{ base, average, want string }{
		{"25/1", "25/1", "25/1"},
		{"30000/1001", "30000/1001", "30000/1001"},
		{"50/1", "25/1", "50/1"},                // interlaced, counted in fields
		{"90000/1", "24000/1001", "24000/1001"}, // the base is the clock's, not the film's
		{"1000/1", "11/1", "11/1"},
		{"120/1", "0/0", "120/1"},
		{"0/0", "24/1", "24/1"},
		{"0/0", "0/0", "25/1"},
		{"1/10", "1/10", "25/1"}, // a slide show
		{"24/1", "7/1", "7/1"},   // mostly still
	} {
		rate := func(s string) media.Rational {
			r, err := media.ParseRational(s)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		if got := nominalRate(rate(c.base), rate(c.average)); got != rate(c.want) {
			t.Errorf("base %s, average %s: %s, want %s", c.base, c.average, got, c.want)
		}
	}
}

func TestPresets(t *testing.T) {
	const svt = `libsvtav1 encoder AVOptions:
  -hielevel          <int>        E..V....... Hierarchical prediction levels (from 3 to 4) (default 4levels)
  -preset            <int>        E..V....... Encoding preset (from -2 to 13) (default -2)
`
	const rav1e = `librav1e AVOptions:
  -qp                <int>        E..V....... use constant quantizer mode (from -1 to 255) (default -1)
  -speed             <int>        E..V....... what speed preset to use (from -1 to 10) (default -1)
`
	for _, c := range []struct {
		name, help  string
		first, last string
		n           int
	}{
		{"libx264", "", "ultrafast", "placebo", 10},
		{"libx265", "", "ultrafast", "placebo", 10},
		{"libsvtav1", svt, "0", "13", 14},
		{"librav1e", rav1e, "0", "10", 11},
	} {
		got := presets(c.name, c.help)
		if len(got) != c.n || got[0] != c.first || got[len(got)-1] != c.last {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	for _, name := range []string{"aac", "libopus", "libsvtav1"} {
		if got := presets(name, "no help"); got != nil {
			t.Errorf("%s: %v without a range", name, got)
		}
	}
}

func TestPixFmts(t *testing.T) {
	if got := pixFmts("    Supported pixel formats: yuv420p yuv420p10le\nlibx AVOptions:\n"); !slices.Equal(got, []string{"yuv420p", "yuv420p10le"}) {
		t.Errorf("%v", got)
	}
	if got := pixFmts("no such line"); got != nil {
		t.Errorf("%v", got)
	}
}

func TestParseVersion(t *testing.T) {
	version, libraries := parseVersion("ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers\nbuilt with gcc\nlibavutil 57")
	if version != "ffmpeg version 5.1.9-0+deb12u1" || libraries != "built with gcc\nlibavutil 57" {
		t.Errorf("%q, %q", version, libraries)
	}
	if version, libraries := parseVersion(""); version != "" || libraries != "" {
		t.Errorf("%q, %q", version, libraries)
	}
}

func TestNotMediaNamesTheSourceAndNoPath(t *testing.T) {
	err := notMedia("film.mp4", "film.mp4: Invalid data found when processing input")
	if want := "film.mp4: this is no video that ffmpeg can read: Invalid data found when processing input"; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	if err := notMedia("film.mp4", ""); strings.Contains(err.Error(), ": :") || !strings.HasPrefix(err.Error(), "film.mp4: this is no video") {
		t.Errorf("%v", err)
	}
}

// FuzzProbe reads answers of ffprobe, whose strings come out of the source.
func FuzzProbe(f *testing.F) {
	f.Add(`{"streams":[{"index":0,"codec_type":"video","codec_name":"h264","width":320,"height":180,"pix_fmt":"yuv420p",
		"time_base":"1/12800","r_frame_rate":"25/1","avg_frame_rate":"0/0","start_pts":0,"sample_aspect_ratio":"1:1",
		"side_data_list":[{"side_data_type":"Display Matrix","rotation":-90}]}],"format":{"start_time":"0.0","duration":"N/A"}}`)
	f.Add(`{"streams":[{"codec_type":"video","width":1,"pix_fmt":"x","side_data_list":[{"side_data_type":"Mastering display metadata",
		"red_x":"34000/50000","red_y":"1/0","max_luminance":"-1/-9223372036854775808"}]}]}`)
	f.Add(`{"streams":[{"codec_type":"video","disposition":{"attached_pic":1}},{"codec_type":"audio","sample_rate":"x"}],"chapters":[{}]}`)
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, answer string) {
		var p probe
		if json.Unmarshal([]byte(answer), &p) != nil {
			return
		}
		s, err := p.source("name")
		if err != nil {
			return
		}
		if v := s.Video; v.Rotation < 0 || v.Rotation > 359 || !v.Rate.Valid() || v.Picture.Width == 0 || v.Picture.PixFmt == "" {
			t.Errorf("%+v", v)
		}
	})
}
