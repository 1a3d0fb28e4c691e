package ffmpeg

import (
	"math"
	"regexp"
	"strconv"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/media"
)

// probe is ffprobe's answer.
type probe struct {
	Streams []probeStream `json:"streams"`
	Format  struct {
		Name     string `json:"format_name"`
		Start    string `json:"start_time"`
		Duration string `json:"duration"`
	} `json:"format"`
	Chapters []struct{} `json:"chapters"`
	Frames   []struct {
		Interlaced int        `json:"interlaced_frame"`
		TopFirst   int        `json:"top_field_first"`
		SideData   []sideData `json:"side_data_list"`
	} `json:"frames"`
}

type probeStream struct {
	Index       int            `json:"index"`
	Kind        string         `json:"codec_type"`
	Codec       string         `json:"codec_name"`
	Tag         string         `json:"codec_tag_string"`
	TimeBase    media.Rational `json:"time_base"`
	Start       int64          `json:"start_pts"`
	Width       int            `json:"width"`
	Height      int            `json:"height"`
	PixFmt      string         `json:"pix_fmt"`
	SAR         string         `json:"sample_aspect_ratio"`
	Range       string         `json:"color_range"`
	Matrix      string         `json:"color_space"`
	Transfer    string         `json:"color_transfer"`
	Primaries   string         `json:"color_primaries"`
	ChromaLoc   string         `json:"chroma_location"`
	FieldOrder  string         `json:"field_order"`
	RFrameRate  media.Rational `json:"r_frame_rate"`
	AvgRate     media.Rational `json:"avg_frame_rate"`
	SampleRate  string         `json:"sample_rate"`
	Channels    int            `json:"channels"`
	Disposition struct {
		Default     int `json:"default"`
		AttachedPic int `json:"attached_pic"`
	} `json:"disposition"`
	Tags struct {
		Language string `json:"language"`
		Title    string `json:"title"`
		Timecode string `json:"timecode"`
	} `json:"tags"`
	SideData []sideData `json:"side_data_list"`
}

func (p probe) source(name string) (media.Source, error) {
	s := media.Source{
		Format: p.Format.Name, Start: seconds(p.Format.Start), Duration: seconds(p.Format.Duration),
		Chapters: len(p.Chapters),
	}
	found, clock := false, ""
	for _, st := range p.Streams {
		switch {
		case st.Kind == "video" && st.Disposition.AttachedPic == 0 && !found:
			found = true
			s.Video = st.video()
		case st.Kind == "audio":
			s.Audio = append(s.Audio, st.stream())
		case st.Kind == "subtitle":
			s.Subs = append(s.Subs, st.stream())
		case st.Kind == "attachment":
			s.Attached = append(s.Attached, st.stream())
		case st.Kind == "data" && st.Tag == "text" && len(p.Chapters) > 0: // QuickTime's form of chapters
		default:
			s.Other = append(s.Other, st.stream())
		}
		if tc := st.Tags.Timecode; (st.Kind == "video" || st.Tag == media.TimecodeTrack) && clock == "" && isTimecode.MatchString(tc) {
			clock = tc
		}
	}
	if !found {
		return s, fault.Userf("no-video", name, "the source has no video stream", "give a file with a video stream")
	}
	s.Video.Timecode = clock
	if s.Video.Picture.Width == 0 || s.Video.Picture.PixFmt == "" {
		return s, notMedia(name, "the video stream's size or pixel format is not known")
	}
	return s, nil
}

var isTimecode = regexp.MustCompile(`^\d\d:[0-5]\d:[0-5]\d[:;.]\d{2,3}$`)

func (p probeStream) stream() media.Stream {
	rate, _ := strconv.Atoi(p.SampleRate)
	if p.Codec == "" && p.Kind == "data" {
		p.Codec = p.Tag
	}
	return media.Stream{
		Index: p.Index, Kind: p.Kind, Codec: p.Codec, TimeBase: p.TimeBase, Start: p.Start,
		Language: p.Tags.Language, Title: p.Tags.Title, SampleRate: rate, Channels: p.Channels,
		Default: p.Disposition.Default == 1,
	}
}

func (p probeStream) video() media.VideoStream {
	v := media.VideoStream{Stream: p.stream(), Rate: nominalRate(p.RFrameRate, p.AvgRate)}
	sar, err := media.ParseRational(p.SAR)
	if err != nil || !sar.Valid() {
		sar = media.Rational{Num: 0, Den: 1}
	}
	v.Picture = media.Picture{
		Width: p.Width, Height: p.Height, PixFmt: p.PixFmt, SAR: sar,
		Range: known(p.Range), Primaries: known(p.Primaries), Transfer: known(p.Transfer),
		Matrix: known(p.Matrix), ChromaLoc: known(p.ChromaLoc), FieldOrder: known(p.FieldOrder),
	}
	if media.IsRGB(p.PixFmt) {
		v.Picture.Matrix = "gbr" // few containers tell
	}
	for _, d := range p.SideData {
		d.apply(&v)
	}
	return v
}

// nominalRate picks the frame rate that encoders are told: the container's base rate
// where that is a rate of film, else the average.
func nominalRate(base, average media.Rational) media.Rational {
	sane := func(r media.Rational) bool { return r.Valid() && r.Float() >= 1 && r.Float() <= 300 }
	switch {
	case sane(base) && (!sane(average) || base.Float() <= 2.5*average.Float()):
		return base
	case sane(average):
		return average
	default:
		return media.Rational{Num: 25, Den: 1}
	}
}

// known turns ffprobe's words for "not given" into "".
func known(s string) string {
	if s == "unknown" || s == "unspecified" || s == "reserved" {
		return ""
	}
	return s
}

func seconds(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0
	}
	return v
}
