package chunk

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/matroska"
)

// Decodable returns the display ranks of the frames that the segment file decodes to.
func Decodable(ctx context.Context, tool *ffmpeg.Tool, segment string) ([]int, error) {
	args := append(ffmpeg.Safe(), "-max_error_rate", "1", "-copyts", "-noautorotate", "-threads", "1",
		"-i", "file:"+segment, "-map", "0:v:0")
	args = append(args, tool.Passthrough()...)
	cmd := tool.Command(ctx, append(args, "-enc_time_base", "1:1000", "-f", "framehash", "-hash", "murmur3", "pipe:3")...)
	cmd.Reads(segment)
	r, err := cmd.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var ranks []int
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Split(lines.Text(), ",")
		if len(f) < 6 || strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		if ms, err := strconv.Atoi(strings.TrimSpace(f[2])); err == nil {
			ranks = append(ranks, ms/matroska.RankStep)
		}
	}
	if err := cmd.Wait(ctx); err != nil {
		return nil, fmt.Errorf("decode segment: %w", err)
	}
	return ranks, lines.Err()
}
