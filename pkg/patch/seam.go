package patch

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/ffmpeg"
)

// Seam is a place where kept frames meet changed ones, and what decoding across it gave.
type Seam struct {
	// At is the number of the first frame behind the seam, in the patched film.
	At int `json:"at"`
	// Decoded are the frames that were decoded: two groups of pictures on either side,
	// as far as there are so many. Kept is how many of them were compared with those of
	// the film before, and were the same.
	Decoded Frames `json:"decoded"`
	Kept    int    `json:"kept"`
	// Problem says what is wrong, "" when nothing is.
	Problem string `json:"problem,omitempty"`
}

// groups is how many groups of pictures are decoded on either side of a seam.
const groups = 2

// CheckSeams decodes out around every place where kept frames meet changed ones. The
// decoder must not complain, every frame must come out, and each kept frame must be the
// frame of base that it was.
func CheckSeams(ctx context.Context, tool *ffmpeg.Tool, base, out *Film, c Comparison) ([]Seam, error) {
	at := c.seams(out.Frames())
	seams := make([]Seam, len(at))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range at {
		g.Go(func() (err error) {
			seams[i], err = checkSeam(ctx, tool, base, out, c, at[i])
			return err
		})
	}
	return seams, g.Wait()
}

// seams lists the places in the new film where something changed: the ends of what was
// kept, save those of the film.
func (c Comparison) seams(frames int) []int {
	var at []int
	for _, ch := range c.Changes {
		for _, n := range []int{ch.New.From, ch.New.To} {
			if n > 0 && n < frames && (len(at) == 0 || at[len(at)-1] != n) {
				at = append(at, n)
			}
		}
	}
	return at
}

func checkSeam(ctx context.Context, tool *ffmpeg.Tool, base, out *Film, c Comparison, at int) (Seam, error) {
	s := Seam{At: at, Decoded: Frames{out.back(at, groups), out.forth(at, groups)}}
	got, problem, err := decode(ctx, tool, out, s.Decoded)
	if err != nil {
		return s, err
	}
	if problem != "" {
		s.Problem = problem
		return s, nil
	}
	for _, k := range c.Kept {
		both := Frames{max(k.New.From, s.Decoded.From), min(k.New.To, s.Decoded.To)}
		if both.Len() <= 0 {
			continue
		}
		shift := k.Old.From - k.New.From
		before, problem, err := decode(ctx, tool, base, Frames{both.From + shift, both.To + shift})
		if err != nil {
			return s, err
		}
		if problem != "" {
			s.Problem = base.Name + ": " + problem
			return s, nil
		}
		for i, hash := range before {
			if got[both.From-s.Decoded.From+i] != hash {
				s.Problem = fmt.Sprintf("frame %d is not frame %d of %s any more", both.From+i, both.From+shift+i, base.Name)
				return s, nil
			}
			s.Kept++
		}
	}
	return s, nil
}

// back returns where the film can be cut n groups before frame i, forth behind it.
func (f *Film) back(i, n int) int {
	for n > 0 && i > 0 {
		if i--; f.cut(i) {
			n--
		}
	}
	return i
}

func (f *Film) forth(i, n int) int {
	for n > 0 && i < f.Frames() {
		if i++; f.cut(i) {
			n--
		}
	}
	return i
}

// decode decodes frames from one closed keyframe to another and returns their hashes.
// problem tells what the decoder complained of, or how many frames came out.
func decode(ctx context.Context, tool *ffmpeg.Tool, f *Film, want Frames) (hashes []string, problem string, err error) {
	// Half a frame early: containers round times, and a seek must not land behind.
	from := f.seconds(want.From) - f.Source.Video.Rate.Inv().Float()/2
	args := append(ffmpeg.Safe(), "-v", "error", "-copyts", "-xerror", "-seek_timestamp", "1", "-ss", strconv.FormatFloat(from, 'f', 6, 64),
		"-i", "file:"+f.Path, "-map", "0:v:0", "-frames:v", strconv.Itoa(want.Len()))
	args = append(args, tool.Passthrough()...)
	cmd := tool.Command(ctx, append(args, "-f", "framehash", "-hash", "murmur3", "pipe:3")...)
	cmd.Reads(f.Path)
	r, err := cmd.Pipe()
	if err != nil {
		return nil, "", err
	}
	defer r.Close()
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	hashes, err = readHashes(r)
	if werr := cmd.Wait(ctx); werr != nil {
		if ctx.Err() != nil {
			return nil, "", werr
		}
		return nil, "the decoder gave up: " + lastLine(cmd.Log(), werr.Error()), nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("decode %s: %w", f.Name, err)
	}
	if said := cmd.Log(); said != "" {
		return nil, "the decoder complained: " + lastLine(said, ""), nil
	}
	if len(hashes) != want.Len() {
		return nil, fmt.Sprintf("%d frames come out of the %d from frame %d on", len(hashes), want.Len(), want.From), nil
	}
	return hashes, "", nil
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
