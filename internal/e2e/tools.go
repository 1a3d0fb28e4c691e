package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/media"
)

// toolLimit bounds one run of ffmpeg or ffprobe on a busy machine.
const toolLimit = 2 * time.Minute

// FFmpeg runs ffmpeg and returns what it wrote to its standard output and error.
func FFmpeg(t testing.TB, args ...string) (stdout, stderr string) {
	t.Helper()
	return run(t, "ffmpeg", append([]string{"-hide_banner", "-nostdin"}, args...)...)
}

func run(t testing.TB, name string, args ...string) (stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), toolLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said.String())
	}
	return out.String(), said.String()
}

// DecodesCleanly fails the test when a full decode stops or says anything.
func DecodesCleanly(t testing.TB, path string) {
	t.Helper()
	if _, said := FFmpeg(t, "-v", "error", "-xerror", "-i", path, "-f", "null", "-"); said != "" {
		t.Errorf("a full decode of %s says: %s", path, said)
	}
}

// Probe is what ffprobe tells of a file.
type Probe struct {
	Streams []Stream
	Format  struct {
		Duration string
		Tags     map[string]string
	}
	Chapters []struct {
		Start string `json:"start_time"`
		End   string `json:"end_time"`
		Tags  map[string]string
	}
	Packets []struct {
		PTS, DTS int64
		Flags    string
	}
}

// Stream is a stream as ffprobe tells of it.
type Stream struct {
	Kind       string         `json:"codec_type"`
	Codec      string         `json:"codec_name"`
	PixFmt     string         `json:"pix_fmt"`
	FieldOrder string         `json:"field_order"`
	SAR        string         `json:"sample_aspect_ratio"`
	Range      string         `json:"color_range"`
	Matrix     string         `json:"color_space"`
	Transfer   string         `json:"color_transfer"`
	Primaries  string         `json:"color_primaries"`
	AvgRate    string         `json:"avg_frame_rate"`
	TimeBase   media.Rational `json:"time_base"`
	StartPTS   int64          `json:"start_pts"`
	HasB       int            `json:"has_b_frames"`
	Tags       map[string]string
	SideData   []struct {
		Type     string `json:"side_data_type"`
		Rotation int
	} `json:"side_data_list"`
	Disposition map[string]int
}

// ProbeFile asks ffprobe for streams, format and chapters, and for the packets of the
// first video stream in decode order.
func ProbeFile(t testing.TB, path string) Probe {
	t.Helper()
	var p Probe
	probe(t, &p, "-show_streams", "-show_format", "-show_chapters", path)
	probe(t, &p, "-select_streams", "v:0", "-show_packets", "-show_entries", "packet=pts,dts,flags", path)
	return p
}

// Frame is what ffprobe tells of a decoded frame.
type Frame struct {
	Interlaced int `json:"interlaced_frame"`
	TopFirst   int `json:"top_field_first"`
}

// ProbeFrames decodes the first video stream and returns its frames.
func ProbeFrames(t testing.TB, path string) []Frame {
	t.Helper()
	var p struct{ Frames []Frame }
	probe(t, &p, "-select_streams", "v:0", "-show_frames", "-show_entries", "frame=interlaced_frame,top_field_first", path)
	return p.Frames
}

func probe(t testing.TB, out any, args ...string) {
	t.Helper()
	text, _ := run(t, "ffprobe", append([]string{"-v", "error", "-of", "json"}, args...)...)
	if err := json.Unmarshal([]byte(text), out); err != nil {
		t.Fatalf("read what ffprobe tells: %v", err)
	}
}

// Of returns the streams of a kind: video, audio, subtitle or attachment.
func (p Probe) Of(kind string) (streams []Stream) {
	for _, s := range p.Streams {
		if s.Kind == kind {
			streams = append(streams, s)
		}
	}
	return streams
}
