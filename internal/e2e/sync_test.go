package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
)

// clapper is a film in which one frame in a second is white, and a click is heard at the
// moment at which it is shown.
type clapper struct {
	name string
	rate string // of the frames; 25 if empty
	// video and audio are the options of the encoders.
	video, audio string
	// delayed is put before the audio input, late before the video input.
	videoLate, audioLate string
	output               string
	cut                  string
	// as are the deliverables to make: container and audio.
	as string
}

const (
	lossless264 = "-c:v libx264 -preset superfast -qp 0 -g 25 -bf 2 -sc_threshold 0"
)

func (c clapper) create(t *testing.T) string {
	t.Helper()
	rate, period := "25", "1"
	if c.rate != "" {
		rate, period = c.rate, "1.001"
	}
	frames := strings.TrimSuffix(strings.TrimSuffix(rate, "/1001"), "000")
	var args []string
	args = append(args, strings.Fields(c.videoLate)...)
	args = append(args, "-f", "lavfi", "-i", "color=black:s=160x120:r="+rate+":d=6,drawbox=t=fill:c=white:enable='eq(mod(n,"+frames+"),12)'")
	args = append(args, strings.Fields(c.audioLate)...)
	args = append(args, "-f", "lavfi", "-i", "aevalsrc=s=48000:d=6:exprs='0.9*max(0,1-abs(mod(t-12*"+period+"/"+frames+"+10.5*"+period+","+period+")-0.5*"+period+")/0.0002)'")
	args = append(args, strings.Fields(c.video+" "+c.audio+" "+c.output)...)
	path := testenv.Media(t, c.name, args...)
	if c.cut == "" {
		return path
	}
	before, after, _ := strings.Cut(c.cut, "|")
	args = append(strings.Fields(before), "-i", path)
	return testenv.Media(t, c.name, append(args, strings.Fields(after+" -map 0 -c copy")...)...)
}

func TestSync(t *testing.T) {
	c := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264", "aac", "libopus"}})
	for name, tc := range clappers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := tc.create(t)
			show(t, "source", src)
			for as := range strings.FieldsSeq(tc.as) {
				container, audio, _ := strings.Cut(as, "/")
				spec := lossless(src)
				spec.Container, spec.Audio = container, audio
				_, out := c.Encode(t, spec)
				show(t, as, out)
			}
		})
	}
}

func show(t *testing.T, what, path string) {
	fl := e2e.Flashes(testenv.FrameHashes(t, path))
	s := e2e.Listen(t, path, 0)
	cl := s.Clicks()
	line := ""
	for i := range min(len(fl), len(cl)) {
		line += fmt.Sprintf(" %.2f", (cl[i]-fl[i])*48000)
	}
	fmt.Printf("%s %-14s flashes %d clicks %d samples %d start %.6f video %.6f end %.6f first %v %v : %s\n", t.Name(), what, len(fl), len(cl), len(s.Samples), s.Start(), fl[0], s.End(), fl[0], cl[0], line)
}

var clappers = map[string]clapper{
	"mp4":                      {name: "a.mp4", video: lossless264, audio: "-c:a aac", as: "mp4/copy mp4/aac mp4/libopus mov/copy mov/aac mkv/copy mkv/aac mkv/libopus"},
	"AC-3 in mkv":              {name: "a.mkv", video: lossless264, audio: "-c:a ac3", as: "mp4/copy mkv/copy mp4/aac"},
	"Opus in mkv":              {name: "a.mkv", video: lossless264, audio: "-c:a libopus", as: "mp4/copy mkv/copy mp4/aac"},
	"FLAC in mkv":              {name: "a.mkv", video: lossless264, audio: "-c:a flac", as: "mp4/copy mkv/copy mp4/aac"},
	"audio half a second late": {name: "a.mp4", video: lossless264, audio: "-c:a aac", audioLate: "-itsoffset 0.5", as: "mp4/copy mp4/aac mp4/libopus mov/copy mkv/copy"},
	"video later":              {name: "a.mkv", video: lossless264, audio: "-c:a aac", videoLate: "-itsoffset 0.7", as: "mp4/copy mp4/aac mp4/libopus mov/copy mkv/copy"},
	"TS at 3600 s":             {name: "a.ts", video: lossless264, audio: "-c:a aac", output: "-output_ts_offset 3600", as: "mp4/copy mp4/aac mp4/libopus mov/copy mkv/copy"},
	"TS AC-3":                  {name: "a.ts", video: lossless264, audio: "-c:a ac3", as: "mp4/copy mp4/aac mkv/copy"},
	"edit list":                {name: "a.mp4", video: lossless264, audio: "-c:a aac", cut: "-ss 1.3 |", as: "mp4/copy mp4/aac mp4/libopus mov/copy mkv/copy"},
	"NTSC":                     {name: "a.mp4", rate: "30000/1001", video: lossless264, audio: "-c:a aac", as: "mp4/copy mp4/aac mov/copy mkv/copy"},
	"PCM in mov":               {name: "a.mov", video: "-c:v prores_ks -profile:v 0", audio: "-c:a pcm_s24le", as: "mov/copy mp4/aac mkv/copy mp4/libopus"},
}
