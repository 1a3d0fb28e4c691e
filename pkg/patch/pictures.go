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

// Pictures takes pictures of the first changes of a report, at the frame that was found to
// differ most, else in their middle. A change of which none can be taken has none.
func Pictures(ctx context.Context, tool *ffmpeg.Tool, r *Report, base, out string) ([]Pair, error) {
	pairs := make([]Pair, min(len(r.Changes), maxPairs))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	take := func(picture *[]byte, path string, n int, from, to, at float64) {
		if n == 0 {
			return
		}
		g.Go(func() error {
			if b, err := still(ctx, tool, path, from+at*(to-from)); err == nil {
				*picture = b
			}
			return ctx.Err() // a page without a picture still tells the rest
		})
	}
	for i := range pairs {
		ch := &r.Changes[i]
		if ch.pair != nil {
			pairs[i] = *ch.pair
			continue
		}
		take(&pairs[i].Before, base, ch.Old.Len(), ch.OldStart, ch.OldEnd, ch.look)
		take(&pairs[i].After, out, ch.New.Len(), ch.Start, ch.End, ch.look)
	}
	return pairs, g.Wait()
}

// maxLook is the length of a change, in seconds, up to which its frames are compared. The
// middle of a longer one is new: what is encoded besides, on either side, is less than a
// chunk.
const maxLook = 12

// looks lists the changes of which pictures are taken where the frames differ most: those
// that have as many frames as before.
func (r *Report) looks() (all []*Announced) {
	for i := range r.Changes[:min(len(r.Changes), maxPairs)] {
		ch := &r.Changes[i]
		if ch.New.Len() == ch.Old.Len() && ch.End-ch.Start <= maxLook {
			all = append(all, ch)
		}
	}
	return all
}

// add wants frames decoded and pictured.
func (w *wanted) add(f Frames) {
	w.decode, w.look = append(w.decode, f), append(w.look, f)
}

// maxKept is how many frames are held, of each film, in the size in which they are shown;
// with more they are smaller, and those that differ most are decoded once more.
const maxKept = 400

func lookWidth(looks []*Announced) int {
	n := 0
	for _, ch := range looks {
		n += ch.New.Len()
	}
	if n > maxKept {
		return gridWidth
	}
	return stillWidth
}

// lookAt finds where a change differs most.
func (ch *Announced) lookAt(before, after decoded) {
	most, at := -1, 0
	for k := range ch.New.Len() {
		if d := before.pictures[ch.Old.From+k].distance(after.pictures[ch.New.From+k]); d > most {
			most, at = d, k
		}
	}
	ch.look = (float64(at) + 0.25) / float64(ch.New.Len())
	if a, b := before.pictures[ch.Old.From+at], after.pictures[ch.New.From+at]; a.width == stillWidth {
		ch.pair = &Pair{a.jpeg(), b.jpeg()}
	}
}

// stillWidth is the width of a picture, in pixels.
const stillWidth = 384

// still returns the frame of a film that is shown at a time in seconds.
func still(ctx context.Context, tool *ffmpeg.Tool, path string, at float64) ([]byte, error) {
	cmd := tool.Command(ctx, append(ffmpeg.Safe(), "-ss", strconv.FormatFloat(at, 'f', 6, 64), "-i", "file:"+path, "-map", "0:v:0",
		"-frames:v", "1", "-vf", small(0, stillWidth), "-c:v", "mjpeg", "-q:v", "5", "-f", "image2pipe", "pipe:1")...)
	cmd.Reads(path)
	var picture bytes.Buffer
	cmd.Stdout(&picture)
	if err := cmd.Run(ctx); err != nil {
		return nil, fmt.Errorf("take a picture of %s at %.3f s: %w", path, at, err)
	}
	return picture.Bytes(), nil
}
