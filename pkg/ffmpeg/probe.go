package ffmpeg

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	var answer bounded
	var log tail
	cmd.Stdout, cmd.Stderr = &answer, &log
	rules := sandbox.Rules{CPU: spinLimit}
	if in.Path != "" {
		rules.Read = []string{in.Path}
	}
	err := run(cmd, t.probeBox, rules)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if exit, exited := errors.AsType[*exec.ExitError](err); answer.over || exited && exit.UserTime()+exit.SystemTime() >= spinLimit {
		return notMedia(in.Name, "ffprobe finds no end of it")
	} else if exited {
		if m := notContainer.FindStringSubmatch(log.String()); m != nil {
			return fault.Userf("unsupported-source", in.Name, m[1]+" is no container that can be read here",
				"give the file that holds the video itself")
		}
		return notMedia(in.Name, strings.ReplaceAll(log.lastLine(), "file:"+in.Path, in.Name))
	} else if err != nil {
		return fmt.Errorf("run ffprobe: %w", err)
	}
	if err := json.Unmarshal(answer.text.Bytes(), out); err != nil {
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

// StartOf returns the start time of a file of our own, in seconds.
func (t *Tool) StartOf(ctx context.Context, path string) (float64, error) {
	var p probe
	if err := t.probeJSON(ctx, Input{Path: path, Name: path}, nil, &p, []string{"-show_format"}); err != nil {
		return 0, fmt.Errorf("look at %s: %w", path, err)
	}
	return seconds(p.Format.Start), nil
}

// largestAnswer bounds what ffprobe may tell of a file: a made-up one may hold millions of
// streams, chapters and tags.
const largestAnswer = 64 << 20

// bounded holds an answer. Its Write fails once there is more of it than there may be.
type bounded struct {
	text bytes.Buffer // not embedded: its ReadFrom would pass Write by
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.over = b.over || b.text.Len()+len(p) > largestAnswer; b.over {
		return 0, io.ErrShortWrite
	}
	return b.text.Write(p)
}
