package foreign

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/patch"
)

// preroll is how much earlier, in seconds, decoding begins than the frames that are
// wanted: a container's index may name pictures that refer to ones before them.
const preroll = 5

// decode writes frames of a film, counted in order of display, to w as raw video. All of
// them must come. tell is told how many did.
func decode(ctx context.Context, tool *ffmpeg.Tool, f *patch.Film, want patch.Frames, pixFmt string, w *os.File, tell func(frames int)) error {
	if want.Len() == 0 {
		return nil
	}
	from, to := between(f, want)
	args := append(ffmpeg.Safe(), "-copyts", "-noautorotate", "-seek_timestamp", "1")
	if from > preroll {
		args = append(args, "-ss", seconds(from-preroll))
	}
	args = append(args, "-i", "file:"+f.Path, "-map", "0:"+strconv.Itoa(f.Source.Video.Index),
		"-vf", fmt.Sprintf("trim=start=%s:end=%s", seconds(from), seconds(to)))
	args = append(args, tool.Passthrough()...)
	cmd := tool.Command(ctx, append(args, "-progress", "pipe:3", "-f", "rawvideo", "-pix_fmt", pixFmt, "pipe:1")...)
	cmd.Reads(f.Path)
	cmd.Stdout(w)
	progress, err := cmd.Pipe()
	if err != nil {
		return err
	}
	defer progress.Close()
	if err := cmd.Start(); err != nil {
		return err
	}
	got := lastFrame(progress, tell)
	if err := cmd.Wait(ctx); err != nil {
		return fmt.Errorf("decode %s: %w", f.Name, err)
	}
	if got != want.Len() {
		return &fault.Error{
			Class: fault.User, Type: "damaged-source", Where: f.Name, Log: cmd.Log(),
			Title: fmt.Sprintf("%d frames come out of the %d from frame %d on", got, want.Len(), want.From), Hint: "get a whole copy",
		}
	}
	return nil
}

// between returns times, in seconds, that lie half a frame before the frames that are
// wanted, and half a frame before the one behind them.
func between(f *patch.Film, want patch.Frames) (from, to float64) {
	times := make([]int64, f.Frames())
	for i, p := range f.Packets {
		times[i] = p.PTS
	}
	slices.Sort(times)
	tb := f.TimeBase.Float()
	before := func(i int) float64 {
		switch {
		case i == 0:
			return float64(times[0])*tb - 0.5*f.Source.Video.Rate.Inv().Float()
		case i == len(times):
			return float64(times[i-1])*tb + 0.5*f.Source.Video.Rate.Inv().Float()
		}
		return (float64(times[i-1]) + float64(times[i])) / 2 * tb
	}
	return before(want.From), before(want.To)
}

func seconds(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }

// lastFrame reads ffmpeg's -progress lines, tells each count of frames and returns the last.
func lastFrame(r io.Reader, tell func(frames int)) (last int) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "frame="); ok {
			if n, err := strconv.Atoi(strings.TrimSpace(v)); err == nil {
				last = n
				tell(n)
			}
		}
	}
	return last
}
