package ffmpeg

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/sandbox"
)

// Input is what a child reads: a file, or a stream on its standard input. The child
// may open nothing else.
type Input struct {
	// Path is an absolute path; "" means standard input.
	Path string
	// Name is what a user calls the source, for messages.
	Name string
}

// Args returns the options that open the input, with timestamps kept as they are.
func (in Input) Args(format string) []string {
	args := append(Safe(), "-copyts")
	if format == "avi" {
		args = append(args, "-fflags", "+genpts") // AVI stores no presentation times
	}
	if in.Path == "" {
		return append(args, "-i", "pipe:0")
	}
	return append(args, "-i", "file:"+in.Path)
}

// containers are the formats that hold their media themselves, by ffmpeg's names for
// them, and streams without a container. Playlists (hls, dash, concat) and patterns
// (image2) are none of them: they name other files, which are not the user's to read.
const containers = "matroska,mov,mpegts,mpeg,avi,yuv4mpegpipe,ivf,flv,mxf,ogg,asf,nut,gxf,dv,gif,apng,wtv,rm," +
	"h264,hevc,vvc,obu,av1,mpegvideo,m4v,vc1,mjpeg,dirac,dnxhd,wav,mp3,aac,flac"

// Safe returns the options that keep an input, a source or what was made of one, from
// opening anything but itself.
func Safe() []string {
	return []string{"-protocol_whitelist", "file,pipe", "-format_whitelist", containers}
}

// Probe reads a source's headers and its first frame. For an input on standard input,
// head is the beginning of it.
func (t *Tool) Probe(ctx context.Context, in Input, head []byte) (media.Source, error) {
	var p probe
	args := []string{"-show_format", "-show_streams", "-show_chapters"}
	if err := t.probeJSON(ctx, in, bytes.NewReader(head), &p, args); err != nil {
		return media.Source{}, err
	}
	src, err := p.source(in.Name)
	if err == nil && (!knowsFields(src.Video) || mayHaveLight(src.Video.Picture)) {
		err = t.probeFrame(ctx, in, head, &src.Video)
	}
	return src, err
}

// mayHaveLight reports whether the pictures are of a kind whose frames tell of the display
// they were mastered on, where the container didn't.
func mayHaveLight(p media.Picture) bool { return p.Transfer == "smpte2084" && p.Mastering == "" }

// knowsFields reports whether the header of the stream itself tells of its fields.
func knowsFields(v media.VideoStream) bool {
	return v.Codec == "h264" && v.Picture.FieldOrder != "" || slices.Contains([]string{"hevc", "av1", "vp9", "vp8"}, v.Codec)
}

// probeFrame looks at the first frame for the order of its fields, which headers often
// don't know (AVI, MPEG-4) or tell wrong (Matroska), and for HDR10's mastering display and
// light level, which x265 writes into the stream alone.
func (t *Tool) probeFrame(ctx context.Context, in Input, head []byte, v *media.VideoStream) error {
	var p probe
	err := t.probeJSON(ctx, in, bytes.NewReader(head), &p, []string{
		"-select_streams", strconv.Itoa(v.Index), "-read_intervals", "%+#1", "-show_frames",
		"-show_entries", "frame=interlaced_frame,top_field_first,side_data_list",
	})
	if fault.Of(err) == fault.User {
		return nil // the first packet is damaged: reading on will say so
	}
	if err != nil || len(p.Frames) == 0 {
		return err
	}
	first := p.Frames[0]
	for _, d := range first.SideData {
		d.apply(v)
	}
	if first.Interlaced == 1 {
		v.Picture.FieldOrder = "bb"
		if first.TopFirst == 1 {
			v.Picture.FieldOrder = "tt"
		}
	}
	return nil
}

func (t *Tool) probeJSON(ctx context.Context, in Input, head io.Reader, out any, what []string) error {
	args := slices.Concat([]string{"-v", "error", "-of", "json"}, Safe(), what)
	if in.Path == "" {
		args = append(args, "-i", "pipe:0")
	} else {
		args = append(args, "-i", "file:"+in.Path)
	}
	cmd := exec.CommandContext(ctx, t.ffprobe, args...)
	cmd.Env, cmd.SysProcAttr = childEnv(), childAttr()
	cmd.Stdin = head
	var text bytes.Buffer
	var log tail
	cmd.Stdout, cmd.Stderr = &text, &log
	var rules sandbox.Rules
	if in.Path != "" {
		rules.Read = []string{in.Path}
	}
	err := run(cmd, t.probeBox, rules)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, exited := errors.AsType[*exec.ExitError](err); exited {
		if m := notContainer.FindStringSubmatch(log.String()); m != nil {
			return fault.Userf("unsupported-source", in.Name, m[1]+" is no container that can be read here",
				"give the file that holds the video itself")
		}
		return notMedia(in.Name, strings.ReplaceAll(log.lastLine(), "file:"+in.Path, in.Name))
	} else if err != nil {
		return fmt.Errorf("run ffprobe: %w", err)
	}
	if err := json.Unmarshal(text.Bytes(), out); err != nil {
		return fmt.Errorf("read ffprobe's answer: %w", err)
	}
	return nil
}

// notContainer is what ffmpeg says of a format that is not among the containers.
var notContainer = regexp.MustCompile(`\[(\S+) @ \S+\] Format not on whitelist`)

func notMedia(name, said string) error {
	said = strings.TrimPrefix(said, name+": ")
	e := fault.Userf("not-media", name, "this is no video that ffmpeg can read",
		"check that it is whole and that ffprobe can open it")
	if said != "" {
		e.Err = errors.New(said)
	}
	return e
}

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
	} `json:"tags"`
	SideData []sideData `json:"side_data_list"`
}

func (p probe) source(name string) (media.Source, error) {
	s := media.Source{
		Format: p.Format.Name, Start: seconds(p.Format.Start), Duration: seconds(p.Format.Duration),
		Chapters: len(p.Chapters),
	}
	found := false
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
	}
	if !found {
		return s, fault.Userf("no-video", name, "the source has no video stream", "give a file with a video stream")
	}
	if s.Video.Picture.Width == 0 || s.Video.Picture.PixFmt == "" {
		return s, notMedia(name, "the video stream's size or pixel format is not known")
	}
	return s, nil
}

func (p probeStream) stream() media.Stream {
	rate, _ := strconv.Atoi(p.SampleRate)
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

// StartOf returns the start time of a file of our own, in seconds.
func (t *Tool) StartOf(ctx context.Context, path string) (float64, error) {
	var p probe
	if err := t.probeJSON(ctx, Input{Path: path, Name: path}, nil, &p, []string{"-show_format"}); err != nil {
		return 0, fmt.Errorf("look at %s: %w", path, err)
	}
	return seconds(p.Format.Start), nil
}
