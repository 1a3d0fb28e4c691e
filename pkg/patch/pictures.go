package patch

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/ffmpeg"
)

// Pair are pictures of a change, as JPEG: the film before and behind it. One is empty where
// the change has no frame in that film.
type Pair struct{ Before, After []byte }

// Pictures takes pictures of the first changes of a report: of the frame that differs most,
// where a change has as many frames as before, else from the middle of each. A change of which
// none can be taken has none.
func Pictures(ctx context.Context, tool *ffmpeg.Tool, r *Report, base, out string) ([]Pair, error) {
	pairs := make([]Pair, min(len(r.Changes), maxPairs))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range pairs {
		g.Go(func() error {
			p, err := pictures(ctx, tool, r.Changes[i], base, out)
			if err == nil {
				pairs[i] = p
			}
			return ctx.Err() // a page without a picture still tells the rest
		})
	}
	return pairs, g.Wait()
}

func pictures(ctx context.Context, tool *ffmpeg.Tool, ch Announced, base, out string) (p Pair, err error) {
	at := 0.5 // of the change's length
	if n := ch.New.Len(); n == ch.Old.Len() && n <= maxCompared {
		if at, err = differsMost(ctx, tool, ch, base, out); err != nil {
			return p, err
		}
	}
	if ch.Old.Len() > 0 {
		if p.Before, err = still(ctx, tool, base, ch.OldStart+at*(ch.OldEnd-ch.OldStart)); err != nil {
			return p, err
		}
	}
	if ch.New.Len() > 0 {
		p.After, err = still(ctx, tool, out, ch.Start+at*(ch.End-ch.Start))
	}
	return p, err
}

// maxCompared is the length of a change, in frames, up to which its frames are compared.
const maxCompared = 1500

// differsMost returns where in a change the two films differ most, as a part of its length.
func differsMost(ctx context.Context, tool *ffmpeg.Tool, ch Announced, base, out string) (at float64, err error) {
	before, err := thumbs(ctx, tool, base, ch.OldStart, ch.Old.Len())
	if err != nil {
		return 0, err
	}
	after, err := thumbs(ctx, tool, out, ch.Start, ch.New.Len())
	if err != nil {
		return 0, err
	}
	most, frame := -1, 0
	for k := 0; (k+1)*thumbSize <= min(len(before), len(after)); k++ {
		sum := 0
		for i := k * thumbSize; i < (k+1)*thumbSize; i++ {
			d := int(before[i]) - int(after[i])
			sum += d * d
		}
		if sum > most {
			most, frame = sum, k
		}
	}
	return (float64(frame) + 0.25) / float64(ch.New.Len()), nil
}

// Thumbs are so wide and high, in pixels.
const thumbWidth, thumbHeight, thumbSize = 64, 36, 64 * 36

// thumbs returns small grey pictures of n frames from a time on, one behind the other.
func thumbs(ctx context.Context, tool *ffmpeg.Tool, path string, from float64, n int) ([]byte, error) {
	args := append(ffmpeg.Safe(), "-ss", strconv.FormatFloat(from, 'f', 6, 64), "-i", "file:"+path, "-map", "0:v:0",
		"-frames:v", strconv.Itoa(n), "-vf", fmt.Sprintf("scale=%d:%d:flags=area,format=gray", thumbWidth, thumbHeight))
	cmd := tool.Command(ctx, append(append(args, tool.Passthrough()...), "-f", "rawvideo", "pipe:1")...)
	cmd.Reads(path)
	var grey bytes.Buffer
	cmd.Stdout(&grey)
	if err := cmd.Run(ctx); err != nil {
		return nil, fmt.Errorf("look at %s from %.3f s: %w", path, from, err)
	}
	return grey.Bytes(), nil
}

// stillWidth is the width of a picture, in pixels.
const stillWidth = 384

// still returns the frame of a film that is shown at a time in seconds.
func still(ctx context.Context, tool *ffmpeg.Tool, path string, at float64) ([]byte, error) {
	cmd := tool.Command(ctx, append(ffmpeg.Safe(), "-ss", strconv.FormatFloat(at, 'f', 6, 64), "-i", "file:"+path, "-map", "0:v:0",
		"-frames:v", "1", "-vf", fmt.Sprintf("scale=%d:-2:out_range=pc,format=yuvj420p", stillWidth), "-c:v", "mjpeg", "-q:v", "5", "-f", "image2pipe", "pipe:1")...)
	cmd.Reads(path)
	var picture bytes.Buffer
	cmd.Stdout(&picture)
	if err := cmd.Run(ctx); err != nil {
		return nil, fmt.Errorf("take a picture of %s at %.3f s: %w", path, at, err)
	}
	return picture.Bytes(), nil
}
