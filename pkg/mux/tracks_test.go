package mux_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/mux"
)

func TestCheck(t *testing.T) {
	audio := func(codecs ...string) (out []media.Stream) {
		for i, c := range codecs {
			out = append(out, media.Stream{Index: i + 1, Kind: "audio", Codec: c})
		}
		return out
	}
	for name, c := range map[string]struct {
		spec  job.Spec
		src   media.Source
		slug  string // of the refusal
		notes []string
	}{
		"video alone":                   {job.Spec{Container: "mp4", Audio: "copy"}, media.Source{}, "", nil},
		"AAC into mp4":                  {job.Spec{Container: "mp4", Audio: "copy"}, media.Source{Audio: audio("aac", "ac3", "opus", "flac")}, "", nil},
		"PCM into mp4":                  {job.Spec{Container: "mp4", Audio: "copy"}, media.Source{Audio: audio("aac", "pcm_s16le")}, "unsupported-audio", nil},
		"PCM into mov":                  {job.Spec{Container: "mov", Audio: "copy"}, media.Source{Audio: audio("pcm_s24le")}, "", nil},
		"Opus into mov":                 {job.Spec{Container: "mov", Audio: "copy"}, media.Source{Audio: audio("opus")}, "unsupported-audio", nil},
		"anything into mkv":             {job.Spec{Container: "mkv", Audio: "copy"}, media.Source{Audio: audio("truehd", "pcm_s16le", "vorbis")}, "", nil},
		"AAC into ivf":                  {job.Spec{Container: "ivf", Audio: "copy"}, media.Source{Audio: audio("aac")}, "unsupported-audio", nil},
		"PCM encoded for mp4":           {job.Spec{Container: "mp4", Audio: "aac"}, media.Source{Audio: audio("pcm_s16le")}, "", nil},
		"no audio":                      {job.Spec{Container: "ivf", Audio: "none"}, media.Source{Audio: audio("aac", "aac")}, "", []string{"left out: 2 audio tracks"}},
		"text into mp4":                 {job.Spec{Container: "mp4", Subtitles: "copy"}, media.Source{Subs: []media.Stream{{Codec: "subrip"}, {Codec: "ass"}, {Codec: "mov_text"}}}, "", nil},
		"pictures into mp4":             {job.Spec{Container: "mp4", Subtitles: "copy"}, media.Source{Subs: []media.Stream{{Index: 3, Codec: "hdmv_pgs_subtitle"}}}, "unsupported-subtitles", nil},
		"pictures into mkv":             {job.Spec{Container: "mkv", Subtitles: "copy"}, media.Source{Subs: []media.Stream{{Codec: "hdmv_pgs_subtitle"}}}, "", nil},
		"no subtitles":                  {job.Spec{Container: "mp4", Subtitles: "none"}, media.Source{Subs: []media.Stream{{Codec: "dvd_subtitle"}}}, "", []string{"left out: 1 subtitle track"}},
		"attachments in mp4":            {job.Spec{Container: "mp4"}, media.Source{Attached: make([]media.Stream, 3)}, "", []string{"left out: 3 attachments"}},
		"attachments in mkv":            {job.Spec{Container: "mkv", Subtitles: "copy"}, media.Source{Attached: make([]media.Stream, 3)}, "", nil},
		"attachments, no subs":          {job.Spec{Container: "mkv", Subtitles: "none"}, media.Source{Attached: make([]media.Stream, 1)}, "", []string{"left out: 1 attachment"}},
		"rotation in mp4":               {job.Spec{Container: "mp4"}, media.Source{Video: media.VideoStream{Rotation: 90}}, "", nil},
		"rotation in mkv":               {job.Spec{Container: "mkv"}, media.Source{Video: media.VideoStream{Rotation: 90}}, "", []string{"left out: rotation by 90 degrees"}},
		"a timecode that is read":       {job.Spec{Container: "mp4"}, media.Source{Video: media.VideoStream{Timecode: "01:00:00:00"}, Other: []media.Stream{{Index: 2, Kind: "data", Codec: "tmcd"}}}, "", nil},
		"a timecode that drops numbers": {job.Spec{Container: "mov"}, media.Source{Video: media.VideoStream{Timecode: "01:00:00;02", Rate: media.Rational{Num: 30000, Den: 1001}}}, "", nil},
		"one of another rate":           {job.Spec{Container: "mov"}, media.Source{Video: media.VideoStream{Timecode: "01:00:00;02", Rate: media.Rational{Num: 300000, Den: 13337}}}, "", []string{"left out: the timecode 01:00:00;02, which leaves numbers out as films of 29.97 or 59.94 frames a second do; this one has 300000/13337"}},
		"a timecode in mkv":             {job.Spec{Container: "mkv"}, media.Source{Video: media.VideoStream{Timecode: "01:00:00:00"}, Other: []media.Stream{{Index: 2, Kind: "data", Codec: "tmcd"}}}, "", []string{"left out: stream 2 (data tmcd)"}},
		"a timecode and a camera":       {job.Spec{Container: "mp4"}, media.Source{Other: []media.Stream{{Index: 2, Kind: "data", Codec: "tmcd"}, {Index: 4, Kind: "video", Codec: "mjpeg"}}}, "", []string{"left out: stream 2 (data tmcd)", "left out: stream 4 (video mjpeg)"}},
	} {
		notes, err := mux.Check(c.spec, c.src)
		e, refused := errors.AsType[*fault.Error](err)
		switch {
		case refused != (c.slug != "") || err != nil && !refused:
			t.Errorf("%s: %v, want %q", name, err, c.slug)
		case refused && (e.Class != fault.User || e.Type != c.slug || e.Hint == "" || !strings.Contains(e.Where, "stream ")):
			t.Errorf("%s: %v, want %s", name, err, c.slug)
		case !slices.EqualFunc(notes, c.notes, strings.HasPrefix):
			t.Errorf("%s: notes %q, want %q", name, notes, c.notes)
		}
	}
}

func TestSideContainer(t *testing.T) {
	for codec, want := range map[string]string{
		"aac": ".mp4", "opus": ".mp4", "flac": ".mp4", "pcm_s16le": ".mov", "pcm_f32be": ".mov", "truehd": ".mka", "vorbis": ".mka",
	} {
		if got := mux.SideContainer(codec); got != want {
			t.Errorf("%s: %s, want %s", codec, got, want)
		}
	}
}
