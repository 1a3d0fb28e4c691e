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

// wanted says what is wanted of a film: frames that must decode, and of these the ones that
// are hashed, which costs a third as much again, and the ones that are pictured.
type wanted struct {
	decode, hash, look []Frames
	// width is that of the pictures.
	width int
}

// decoded are frames of a film, as they come out of a decoder.
type decoded struct {
	Frames
	// hashes and pictures are those of the frames of which they are wanted, by number.
	hashes   map[int]string
	pictures map[int]thumb
	// problem tells what the decoder complained of, or how many frames came out.
	problem string
}

// reel decodes a film, each stretch of it once.
type reel struct {
	*Film
	tool *ffmpeg.Tool
	want wanted
	runs []decoded
	// ahead has decoded some already; it may be nil.
	ahead *Ahead
}

// decodeAll decodes what is wanted of several films, side by side on so many cores. Stretches
// that overlap or touch are decoded in one.
func decodeAll(ctx context.Context, cores int, reels ...*reel) error {
	n := 0
	todo := make([][]int, len(reels)) // runs
	for k, r := range reels {
		r.runs = r.ahead.taken()
		for _, f := range merge(r.want.decode) {
			if !slices.ContainsFunc(r.runs, func(d decoded) bool { return r.want.has(d, f) }) {
				todo[k] = append(todo[k], len(r.runs))
				r.runs = append(r.runs, decoded{Frames: f})
			}
		}
		n += len(todo[k])
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(cores)
	for k, r := range reels {
		for _, i := range todo[k] {
			g.Go(func() (err error) {
				r.runs[i], err = r.decode(ctx, r.runs[i].Frames, max(1, cores/n))
				return err
			})
		}
	}
	return g.Wait()
}

// take returns decoded frames from one closed keyframe to another, among others perhaps. They
// are decoded by themselves when they were not yet, or with others of which one has a problem.
func (r *reel) take(ctx context.Context, want Frames) (decoded, error) {
	for _, d := range r.runs {
		if r.want.has(d, want) {
			return d, nil
		}
	}
	return r.decode(ctx, want, runtime.GOMAXPROCS(0))
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

// within returns the parts of some frames that lie in others, in order.
func within(all []Frames, in Frames) (parts []Frames) {
	for _, f := range merge(all) {
		if f = (Frames{max(f.From, in.From), min(f.To, in.To)}); f.Len() > 0 {
			parts = append(parts, f)
		}
	}
	return parts
}

// numbers returns the number of each frame, in order.
func numbers(parts []Frames) (all []int) {
	for _, f := range parts {
		for i := f.From; i < f.To; i++ {
			all = append(all, i)
		}
	}
	return all
}

// decode decodes frames from one closed keyframe to another.
func (r *reel) decode(ctx context.Context, want Frames, threads int) (d decoded, err error) {
	before, at, behind := r.around(want.From)
	p := pass{
		Frames: want, hash: within(r.want.hash, want), look: within(r.want.look, want), width: r.want.width,
		first: (before + at) / 2, threads: threads,
	}
	// To the keyframe before a time between the first frame and the next, which is the first
	// one itself. Where frames are missing then, the index may go by the times of decoding,
	// by which another one is nearer: so once more, from a time before.
	for _, p.seek = range []float64{(at + behind) / 2, p.first} {
		d, err = r.run(ctx, p)
		if err != nil || d.problem == "" {
			break
		}
	}
	return d, err
}

// run is one run of a decoder.
func (r *reel) run(ctx context.Context, p pass) (decoded, error) {
	d := decoded{Frames: p.Frames}
	cmd := r.tool.Command(ctx, p.args(r.Film, r.tool.Passthrough())...)
	cmd.Reads(r.Path)
	var raw bytes.Buffer
	cmd.Stdout(&raw)
	var sums [2][]string // of something of each frame, which counts them, and of whole ones
	var g errgroup.Group
	for i := range sums {
		pipe, err := cmd.Pipe()
		if err != nil {
			return d, err
		}
		defer pipe.Close()
		g.Go(func() (err error) { sums[i], err = readHashes(pipe); return err })
	}
	if err := cmd.Start(); err != nil {
		return d, err
	}
	err := g.Wait()
	if werr := cmd.Wait(ctx); werr != nil {
		if ctx.Err() != nil {
			return d, werr
		}
		d.problem = "the decoder gave up: " + lastLine(cmd.Log(), werr.Error())
		return d, nil
	}
	if err != nil {
		return d, fmt.Errorf("decode %s: %w", r.Name, err)
	}
	if said := cmd.Log(); said != "" {
		d.problem = "the decoder complained: " + lastLine(said, "")
	} else if !d.take(p, sums[0], sums[1], raw.Bytes()) {
		d.problem = fmt.Sprintf("%d frames come out of the %d from frame %d on", len(sums[0]), p.Len(), p.From)
	}
	return d, nil
}

// take takes what came out, and reports whether it is all.
func (d *decoded) take(p pass, counted, hashes []string, raw []byte) bool {
	hash, look := numbers(p.hash), numbers(p.look)
	size := 0 // of a picture, whose height ffmpeg chose
	if len(look) > 0 {
		size = len(raw) / len(look)
	}
	if len(counted) != p.Len() || len(hashes) != len(hash) || len(raw) != size*len(look) {
		return false
	}
	d.hashes, d.pictures = make(map[int]string, len(hash)), make(map[int]thumb, len(look))
	for i, n := range hash {
		d.hashes[n] = hashes[i]
	}
	for i, n := range look {
		d.pictures[n] = thumb{raw[i*size : (i+1)*size], p.width}
	}
	return true
}

// pass says what a decoder is to do.
type pass struct {
	Frames
	hash, look []Frames
	width      int
	// seek is where it begins to read; what is shown before first is dropped. Both are in
	// seconds.
	seek, first float64
	threads     int
}

// args decodes frames once each. A corner of each of them is hashed to pipe:3, which counts
// them; those that are wanted are hashed to pipe:4 and given as small pictures to stdout.
func (p pass) args(f *Film, passthrough []string) []string {
	text := func(seconds float64) string { return strconv.FormatFloat(seconds, 'f', 6, 64) }
	outputs := []struct {
		name   string
		n      int
		filter string
		args   []string
	}{
		{"all", p.Len(), "crop=min(iw\\,16):min(ih\\,16):0:0", []string{"-f", "framehash", "-hash", "crc32", "pipe:3"}},
		{"hash", len(numbers(p.hash)), p.selected(p.hash), []string{"-f", "framehash", "-hash", "murmur3", "pipe:4"}},
		{"look", len(numbers(p.look)), p.selected(p.look) + "," + small(f.Source.Video.Picture.Width, p.width) + ",settb=1/25,setpts=N", []string{"-enc_time_base", "1:25", "-f", "rawvideo", "pipe:1"}},
	}
	var graph, maps []string
	split := ""
	for _, o := range outputs {
		if o.n == 0 {
			continue
		}
		split += "[_" + o.name + "]"
		graph = append(graph, "[_"+o.name+"]"+o.filter+"["+o.name+"]")
		maps = append(maps, "-map", "["+o.name+"]", "-frames:v", strconv.Itoa(o.n))
		maps = append(append(maps, passthrough...), o.args...)
	}
	head := fmt.Sprintf("[0:v:0]trim=start=%s,split=%d%s", text(p.first), len(graph), split)
	args := append(ffmpeg.Safe(), "-v", "error", "-copyts", "-xerror", "-threads", strconv.Itoa(p.threads),
		"-seek_timestamp", "1", "-noaccurate_seek", "-ss", text(p.seek), "-i", "file:"+f.Path,
		"-filter_complex", strings.Join(append([]string{head}, graph...), ";"))
	return append(args, maps...)
}

// selected is a filter that lets only some frames through.
func (p pass) selected(parts []Frames) string {
	var all []string
	for _, f := range parts {
		all = append(all, fmt.Sprintf("between(n\\,%d\\,%d)", f.From-p.From, f.To-1-p.From))
	}
	return "select=" + strings.Join(all, "+")
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
