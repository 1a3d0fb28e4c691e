package chunk

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/matroska"
	"github.com/reweave/reweave/pkg/queue"
)

// Metrics of how near two frames are.
const (
	PSNR = "psnr" // over all planes, in dB; infinite for equal frames
	SSIM = "ssim" // over all planes; 1 for equal frames
)

// Nearness returns how near the frames that the task owns of a segment file are to as many
// of a chunk's frames, counted from skip: the worst of them, by one of the metrics.
func Nearness(ctx context.Context, tool *ffmpeg.Tool, t queue.Task, segment, chunk string, skip int, metric string) (worst float64, err error) {
	graph := fmt.Sprintf("sws_flags=%s;[0:v:0]trim=start_pts=%d:end_pts=%d,%s,format=%s,settb=1/1000,setpts=N[a];"+
		"[1:v:0]trim=start_frame=%[6]d:end_frame=%[7]d,format=%[5]s,settb=1/1000,setpts=N[b];[a][b]%[8]s=stats_file=-[out]",
		scaling, t.First*matroska.RankStep, (t.First+t.Frames)*matroska.RankStep, t.Recipe.Convert(), t.Recipe.Picture.PixFmt,
		skip, skip+t.Frames, metric)
	args := append(ffmpeg.Safe(), "-copyts", "-noautorotate", "-threads", "1", "-i", "file:"+segment,
		"-threads", "1", "-i", "file:"+chunk, "-filter_complex", graph, "-map", "[out]")
	args = append(args, tool.Passthrough()...)
	cmd := tool.Command(ctx, append(args, "-f", "null", "-")...)
	cmd.Reads(segment, chunk)
	var out bytes.Buffer
	cmd.Stdout(&out)
	if err := cmd.Run(ctx); err != nil {
		return 0, fmt.Errorf("compare frames: %w", err)
	}
	worst, n, err := readStats(out.Bytes(), map[string]string{PSNR: "psnr_avg:", SSIM: "All:"}[metric])
	if err == nil && n != t.Frames {
		err = fmt.Errorf("compare frames: %d of %d came out", n, t.Frames)
	}
	return worst, err
}

// readStats reads the lines of the filters' stats_file, and returns the least of the values
// behind a name.
func readStats(b []byte, name string) (worst float64, n int, err error) {
	worst = math.Inf(1)
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		_, rest, ok := strings.Cut(lines.Text(), " "+name)
		if !ok {
			continue
		}
		text, _, _ := strings.Cut(rest, " ")
		v, err := strconv.ParseFloat(text, 64) // "inf" is one
		if err != nil {
			return 0, n, fmt.Errorf("compare frames: %q", lines.Text())
		}
		worst, n = min(worst, v), n+1
	}
	return worst, n, nil
}
