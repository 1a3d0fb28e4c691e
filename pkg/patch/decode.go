package patch

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/ffmpeg"
)

// decoded are frames of a film, as they come out of a decoder.
type decoded struct {
	Frames
	hashes []string
	// thumbs are small grey pictures of the frames, of thumbSize bytes each.
	thumbs []byte
	// problem tells what the decoder complained of, or how many frames came out.
	problem string
}

// part returns the decoded frames of a part.
func (d decoded) part(want Frames) decoded {
	from, to := want.From-d.From, want.To-d.From
	return decoded{Frames: want, hashes: d.hashes[from:to], thumbs: d.thumbs[from*thumbSize : to*thumbSize]}
}

// Thumbs are so wide and high, in pixels.
const thumbWidth, thumbHeight, thumbSize = 64, 36, 64 * 36

// reel decodes a film, each stretch of it once.
type reel struct {
	*Film
	tool *ffmpeg.Tool
	runs []decoded
}

// decodeAll decodes what is wanted of several films, side by side. Stretches that overlap
// or touch are decoded in one.
func decodeAll(ctx context.Context, reels []*reel, want [][]Frames) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, r := range reels {
		all := merge(want[i])
		r.runs = make([]decoded, len(all))
		for k, f := range all {
			g.Go(func() (err error) {
				r.runs[k], err = decode(ctx, r.tool, r.Film, f)
				return err
			})
		}
	}
	return g.Wait()
}

// take returns decoded frames from one closed keyframe to another. They are decoded by
// themselves when they were not yet, or with others of which one has a problem.
func (r *reel) take(ctx context.Context, want Frames) (decoded, error) {
	for _, d := range r.runs {
		if d.From <= want.From && want.To <= d.To && d.problem == "" {
			return d.part(want), nil
		}
	}
	return decode(ctx, r.tool, r.Film, want)
}

// merge returns the same frames in order, in as few stretches as there can be.
func merge(all []Frames) (merged []Frames) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Frames) int { return a.From - b.From })
	for _, f := range all {
		last := len(merged) - 1
		switch {
		case f.Len() <= 0:
		case last >= 0 && f.From <= merged[last].To:
			merged[last].To = max(merged[last].To, f.To)
		default:
			merged = append(merged, f)
		}
	}
	return merged
}

// decode decodes frames from one closed keyframe to another.
func decode(ctx context.Context, tool *ffmpeg.Tool, f *Film, want Frames) (d decoded, err error) {
	before, at, behind := f.around(want.From)
	// To the keyframe before a time between the first frame and the next, which is the first
	// one itself. Where frames are missing then, the index may go by the times of decoding,
	// by which another one is nearer: so once more, from a time before.
	for _, seek := range []float64{(at + behind) / 2, (before + at) / 2} {
		d, err = decodeFrom(ctx, tool, f, want, seek, (before+at)/2)
		if err != nil || d.problem == "" {
			break
		}
	}
	return d, err
}

// decodeFrom decodes frames, of which the first is shown behind the time first, beginning
// where a seek goes to.
func decodeFrom(ctx context.Context, tool *ffmpeg.Tool, f *Film, want Frames, seek, first float64) (decoded, error) {
	d := decoded{Frames: want}
	cmd := tool.Command(ctx, decodeArgs(f, want.Len(), seek, first, tool.Passthrough())...)
	cmd.Reads(f.Path)
	var grey bytes.Buffer
	cmd.Stdout(&grey)
	r, err := cmd.Pipe()
	if err != nil {
		return d, err
	}
	defer r.Close()
	if err := cmd.Start(); err != nil {
		return d, err
	}
	hashes, err := readHashes(r)
	if werr := cmd.Wait(ctx); werr != nil {
		if ctx.Err() != nil {
			return d, werr
		}
		d.problem = "the decoder gave up: " + lastLine(cmd.Log(), werr.Error())
		return d, nil
	}
	if err != nil {
		return d, fmt.Errorf("decode %s: %w", f.Name, err)
	}
	switch said := cmd.Log(); {
	case said != "":
		d.problem = "the decoder complained: " + lastLine(said, "")
	case len(hashes) != want.Len() || grey.Len() != want.Len()*thumbSize:
		d.problem = fmt.Sprintf("%d frames come out of the %d from frame %d on", len(hashes), want.Len(), want.From)
	default:
		d.hashes, d.thumbs = hashes, grey.Bytes()
	}
	return d, nil
}

// decodeArgs decodes n frames once each and gives each twice: hashed to pipe:3, and small
// and grey to stdout.
func decodeArgs(f *Film, n int, seek, first float64, passthrough []string) []string {
	text := func(seconds float64) string { return strconv.FormatFloat(seconds, 'f', 6, 64) }
	graph := fmt.Sprintf("[0:v:0]trim=start=%s,split[hashes][large];[large]scale=%d:%d:flags=area,format=gray,settb=1/25,setpts=N[thumbs]",
		text(first), thumbWidth, thumbHeight)
	args := append(ffmpeg.Safe(), "-v", "error", "-copyts", "-xerror", "-threads", "1", "-seek_timestamp", "1", "-noaccurate_seek", "-ss", text(seek),
		"-i", "file:"+f.Path, "-filter_complex", graph)
	for _, out := range [][]string{{"[hashes]", "-f", "framehash", "-hash", "murmur3", "pipe:3"}, {"[thumbs]", "-enc_time_base", "1:25", "-f", "rawvideo", "pipe:1"}} {
		args = append(args, "-map", out[0], "-frames:v", strconv.Itoa(n))
		args = append(append(args, passthrough...), out[1:]...)
	}
	return args
}

func lastLine(log, otherwise string) string {
	log = strings.TrimSpace(log)
	if log == "" {
		return otherwise
	}
	return log[strings.LastIndexByte(log, '\n')+1:]
}

// readHashes reads the lines "stream, dts, pts, duration, size, hash".
func readHashes(r io.Reader) (hashes []string, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if text := lines.Text(); !strings.HasPrefix(text, "#") {
			hashes = append(hashes, strings.TrimSpace(text[strings.LastIndexByte(text, ',')+1:]))
		}
	}
	return hashes, lines.Err()
}
