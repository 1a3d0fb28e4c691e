package mux_test

import (
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/mux"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/recipe"
)

// film is the plan of 50 frames at 25 a second that begin at 10 s.
func film(change func(*plan.Plan)) *plan.Plan {
	var times []int64
	for i := range 50 {
		times = append(times, int64(250+i))
	}
	p := &plan.Plan{
		Version: plan.Version, TimeBase: media.Rational{Num: 1, Den: 25}, End: 300,
		Segments: []plan.Segment{{Times: plan.NewTimes(times[:20])}, {Times: plan.NewTimes(times[20:])}},
		Recipe:   recipe.Recipe{Settings: recipe.Settings{Codec: "libx264"}},
	}
	change(p)
	return p
}

func plain(*plan.Plan) {}

const (
	pipe    = "-protocol_whitelist file,pipe -thread_queue_size 1024 -f mp4 -i pipe:0"
	cleared = " -metadata major_brand= -metadata minor_version= -metadata compatible_brands= -metadata encoder="
	mp4     = " -strict experimental -movflags +faststart -movie_timescale 9 -f mp4"
	end     = " -fflags +bitexact -y file:/out"
)

func TestArgs(t *testing.T) {
	withAudio := func(p *plan.Plan) {
		p.Audio = []plan.Audio{
			{Start: 10, Stream: media.Stream{Language: "deu", Title: "Ton", Default: true}}, {Start: 9.5},
		}
		p.Source.Video.Default = true
	}
	for name, c := range map[string]struct {
		plan      *plan.Plan
		container string
		files     mux.Files
		want      string
	}{
		"video alone": {film(plain), "mp4", mux.Files{}, pipe + " -map 0:v:0 -c copy -disposition:v:0 0" + cleared + mp4 + end},
		"HEVC": {
			film(func(p *plan.Plan) { p.Recipe.Codec = "libx265" }), "mp4",
			mux.Files{Packet: 1 << 20},
			strings.Replace(pipe, "1024", "32", 1) + " -map 0:v:0 -c copy -disposition:v:0 0" + cleared + strings.Replace(mp4, "-f mp4", "-tag:v hvc1 -f mp4", 1) + end,
		},
		"a timecode": {
			film(func(p *plan.Plan) { p.Source.Video.Timecode = "01:00:00;00" }), "mp4",
			mux.Files{Packet: 1 << 20},
			strings.Replace(pipe, "1024", "32", 1) + " -map 0:v:0 -c copy -disposition:v:0 0 -metadata:s:v:0 timecode=01:00:00;00" + cleared + mp4 + end,
		},
		"ivf": {film(plain), "ivf", mux.Files{Packet: 1 << 30}, strings.Replace(pipe, "1024", "8", 1) + " -map 0:v:0 -c copy -disposition:v:0 0" + cleared + " -f ivf" + end},
		"audio that begins before": {
			film(withAudio), "mp4",
			mux.Files{Audio: []string{"/a", "/b"}, Late: []float64{0, 0.25}},
			"-protocol_whitelist file,pipe -itsoffset 0.500000 -thread_queue_size 1024 -f mp4 -i pipe:0" +
				" SAFE -itsoffset 0.500000 -thread_queue_size 1024 -i file:/a SAFE -itsoffset 0.250000 -thread_queue_size 1024 -i file:/b" +
				" -map 0:v:0 -map 1:a:0 -map 2:a:0 -c copy -disposition:v:0 default" +
				" -metadata:s:a:0 language=deu -metadata:s:a:0 title=Ton -metadata:s:a:0 handler_name=Ton -disposition:a:0 default -disposition:a:1 0" +
				cleared + mp4 + end,
		},
		"subtitles, chapters and attachments in mkv": {
			film(func(p *plan.Plan) {
				p.ExtraStart, p.Source.Subs = 11, []media.Stream{{Language: "fre", Title: "Oui"}}
			}), "mkv",
			mux.Files{Extra: "/e", Meta: "/m"},
			pipe + " SAFE -itsoffset 1.000000 -i file:/e -protocol_whitelist file,pipe -itsoffset -10.000000 -f ffmetadata -i file:/m" +
				" -map 0:v:0 -map 1:s? -map 1:t? -map_metadata 2 -map_chapters 2 -c copy -c:s copy -disposition:v:0 0" +
				" -metadata:s:s:0 language=fre -metadata:s:s:0 title=Oui -disposition:s:0 0" + cleared + " -f matroska" + end,
		},
		"subtitles in mov": {
			film(func(p *plan.Plan) { p.ExtraStart, p.Source.Subs = 10, []media.Stream{{Language: "deu"}} }), "mov",
			mux.Files{Extra: "/e"},
			pipe + " SAFE -i file:/e -map 0:v:0 -map 1:s? -c copy -c:s mov_text -disposition:v:0 0" +
				" -metadata:s:s:0 language=ger -disposition:s:0 0" + cleared + strings.Replace(mp4, "-f mp4", "-f mov", 1) + end,
		},
	} {
		c.files.Out = "/out"
		got := strings.Join(mux.Args(c.plan, c.container, c.files, []string{"-movie_timescale", "9"}), " ")
		if want := strings.ReplaceAll(c.want, "SAFE", safe()); got != want {
			t.Errorf("%s:\n%s, want\n%s", name, got, want)
		}
	}
}
