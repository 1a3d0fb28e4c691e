package e2e_test

import (
	"math"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
)

// clapper is a film in which one frame in a second is white, and a click is heard at the
// moment at which it is shown.
type clapper struct {
	name  string
	ntsc  bool
	video string // options of the encoder; losslessVideo if empty
	audio string // the audio encoder
	// videoLate and audioLate put one of them later, by seconds.
	videoLate, audioLate string
	output               string
	// cut copies what comes behind so many seconds: the rest is hidden by an edit list.
	cut string
	// as are the deliverables to make: container/audio.
	as string
}

const losslessVideo = "-c:v libx264 -preset superfast -qp 0 -g 25 -bf 2 -sc_threshold 0"

var clappers = map[string]clapper{
	"AAC in mp4":               {name: "a.mp4", audio: "aac", as: "mp4/copy mp4/aac mp4/libopus mov/copy mov/aac mkv/copy mkv/aac mkv/libopus"},
	"AC-3 in mkv":              {name: "a.mkv", audio: "ac3", as: "mp4/copy mkv/copy mp4/aac"},
	"Opus in mkv":              {name: "a.mkv", audio: "libopus", as: "mp4/copy mkv/copy mp4/aac"},
	"FLAC in mkv":              {name: "a.mkv", audio: "flac", as: "mp4/copy mkv/copy mp4/aac"},
	"PCM beside ProRes":        {name: "a.mov", video: "-c:v prores_ks -profile:v 0", audio: "pcm_s24le", as: "mov/copy mkv/copy mp4/aac mp4/libopus"},
	"audio half a second late": {name: "a.mp4", audio: "aac", audioLate: "0.5", as: "mp4/copy mp4/aac mp4/libopus mov/copy mkv/copy"},
	"video later than audio":   {name: "a.mkv", audio: "aac", videoLate: "0.7", as: "mp4/copy mp4/aac mp4/libopus mov/copy mkv/copy"},
	"TS at 3600 s":             {name: "a.ts", audio: "aac", output: "-output_ts_offset 3600", as: "mp4/copy mp4/aac mp4/libopus mov/copy mkv/copy"},
	"AC-3 in TS":               {name: "a.ts", audio: "ac3", as: "mp4/copy mp4/aac mkv/copy"},
	"edit list":                {name: "a.mp4", audio: "aac", cut: "1.3", as: "mp4/copy mp4/aac mp4/libopus mov/copy mkv/copy"},
	"NTSC rate":                {name: "a.mp4", ntsc: true, audio: "aac", as: "mp4/copy mp4/aac mov/copy mkv/copy"},
}

func (c clapper) create(t *testing.T) string {
	t.Helper()
	// One in frames is white, the thirteenth first; they come every period seconds.
	rate, frames, period := "25", "25", "1"
	if c.ntsc {
		rate, frames, period = "30000/1001", "30", "1.001"
	}
	flash := "color=black:s=160x120:r=" + rate + ":d=4,drawbox=t=fill:c=white:enable='eq(mod(n," + frames + "),12)'"
	since := "(mod(t+(10.5-12/" + frames + ")*" + period + "," + period + ")-0.5*" + period + ")"
	click := "aevalsrc=s=48000:d=4:exprs='0.9*max(0,1-abs(" + since + ")/0.0002)'"
	var args []string
	late := func(seconds string) {
		if seconds != "" {
			args = append(args, "-itsoffset", seconds)
		}
	}
	late(c.videoLate)
	args = append(args, "-f", "lavfi", "-i", flash)
	late(c.audioLate)
	args = append(args, "-f", "lavfi", "-i", click)
	video := c.video
	if video == "" {
		video = losslessVideo
	}
	args = append(args, strings.Fields(video+" -c:a "+c.audio+" "+c.output)...)
	path := testenv.Media(t, c.name, args...)
	if c.cut != "" {
		path = testenv.Media(t, c.name, "-ss", c.cut, "-i", path, "-map", "0", "-c", "copy")
	}
	return path
}

func TestSoundStaysWithThePicture(t *testing.T) {
	c := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264", "aac", "libopus"}})
	for name, tc := range clappers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := tc.create(t)
			want := watch(t, src)
			if len(want.offsets) < 3 {
				t.Fatalf("the source has %d clicks", len(want.offsets))
			}
			for as := range strings.FieldsSeq(tc.as) {
				container, audio, _ := strings.Cut(as, "/")
				spec := lossless(src)
				spec.Container, spec.Audio = container, audio
				_, out := c.Encode(t, spec)
				tc.compare(t, container, audio, want, watch(t, out))
			}
		})
	}
}

// viewing is what a viewer sees and hears of a clapper.
type viewing struct {
	frames []testenv.Frame
	sound  e2e.Sound
	// lead is the time from the first frame to the first sample.
	lead float64
	// offsets are the times from each flash to its click.
	offsets []float64
}

func watch(t *testing.T, path string) viewing {
	t.Helper()
	frames := testenv.FrameHashes(t, path)
	v := viewing{frames: frames, sound: e2e.Listen(t, path, 0)}
	v.lead = v.sound.Start() - float64(frames[0].PTS)*frames[0].TimeBase.Float()
	flashes, clicks := e2e.Flashes(frames), v.sound.Clicks()
	if len(flashes) != len(clicks) {
		t.Fatalf("%s has %d flashes and %d clicks", path, len(flashes), len(clicks))
	}
	for i := range clicks {
		v.offsets = append(v.offsets, clicks[i]-flashes[i])
	}
	return v
}

// compare wants each click as far from its flash as in the source, and the sound to
// begin and to be as long as there.
func (c clapper) compare(t *testing.T, container, audio string, want, got viewing) {
	t.Helper()
	e2e.SameFrames(t, want.frames, got.frames, e2e.Within(container))
	const sample = 1.0 / 48000
	// MP4's edit lists are in 1/240000 s and its samples whole: together less than one.
	// Matroska rounds every frame and every block of samples to half a millisecond.
	within := sample
	if container == "mkv" || strings.HasSuffix(c.name, ".mkv") {
		within = 0.001
	}
	for i := range want.offsets {
		if d := got.offsets[i] - want.offsets[i]; math.Abs(d) > within {
			t.Errorf("%s/%s: click %d is %.3f ms later than in the source", container, audio, i, 1000*d)
		}
	}
	before, behind := c.slack(container, audio)
	if d := (want.lead - got.lead) / sample; d < -within/sample || d > float64(before)+within/sample {
		t.Errorf("%s/%s: the sound begins %.2f samples earlier than in the source", container, audio, d)
	}
	if d := len(got.sound.Samples) - len(want.sound.Samples); d < 0 || d > before+behind {
		t.Errorf("%s/%s: there are %d samples, %d more than in the source", container, audio, len(got.sound.Samples), d)
	}
}

// slack returns how many samples a codec may add before and behind the source's: its
// delay where the container can't hide it, and what fills up its last frame.
func (c clapper) slack(container, audio string) (before, behind int) {
	switch {
	case audio == "aac":
		return 1024, 1023
	case audio == "libopus", c.audio == "libopus": // only Matroska tells of Opus's padding
		return 312, 959
	case container == "mkv" && c.cut != "":
		// Matroska has no edit lists: of what was hidden before the cut, the decoder's
		// lead-in is heard, and the picture begins that much later.
		return 2048, 0
	case container == "mkv" && c.audio == "aac":
		return 1024, 0 // and no way to hide AAC's priming
	}
	return 0, 0
}
