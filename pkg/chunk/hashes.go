package chunk

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/matroska"
)

// Frame is a frame that a segment decodes to.
type Frame struct {
	// Rank is its display rank in the source.
	Rank int
	// Mark tells it from others: the hash of its pixels, as [Pixels] takes it, of [Frames],
	// and a small picture of [Thumbs].
	Mark string
}

// Frames returns the frames that the segment file decodes to, in order of display, also
// those that it doesn't own.
func Frames(ctx context.Context, tool *ffmpeg.Tool, segment string) ([]Frame, error) {
	return decode(ctx, tool, segment, "[0:v:0]null[hashes]", nil)
}

// thumb is the side of a thumb, in pixels.
const thumb = 8

// Thumbs is like [Frames], but each frame's Mark is a thumb of it, [thumb] by thumb pixels
// of grey: two that look alike have thumbs that are near each other.
func Thumbs(ctx context.Context, tool *ffmpeg.Tool, file string) ([]Frame, error) {
	var grey bytes.Buffer
	frames, err := decode(ctx, tool, file, fmt.Sprintf("[0:v:0]split[hashes][large];[large]scale=%d:%[1]d:flags=area,format=gray[thumbs]", thumb), &grey)
	if err != nil {
		return nil, err
	}
	if grey.Len() != len(frames)*thumb*thumb {
		return nil, fmt.Errorf("make thumbs: %d bytes for %d frames", grey.Len(), len(frames))
	}
	for i := range frames {
		frames[i].Mark = string(grey.Next(thumb * thumb))
	}
	return frames, nil
}

// decode decodes a file through a graph, and returns the frames of its output [hashes].
// Those of [thumbs] are written to thumbs, if there are any.
func decode(ctx context.Context, tool *ffmpeg.Tool, file, graph string, thumbs io.Writer) (frames []Frame, err error) {
	args := append(ffmpeg.Safe(), "-max_error_rate", "1", "-copyts", "-noautorotate", "-threads", "1",
		"-i", "file:"+file, "-filter_complex", graph, "-map", "[hashes]")
	args = append(args, tool.Passthrough()...)
	args = append(args, "-enc_time_base", "1:1000", "-f", "framehash", "-hash", "murmur3", "pipe:3")
	if thumbs != nil {
		args = append(append(args, "-map", "[thumbs]"), tool.Passthrough()...)
		args = append(args, "-f", "rawvideo", "pipe:1")
	}
	cmd := tool.Command(ctx, args...)
	cmd.Reads(file)
	if thumbs != nil {
		cmd.Stdout(thumbs)
	}
	r, err := cmd.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Split(lines.Text(), ",")
		if len(f) < 6 || strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		if ms, err := strconv.Atoi(strings.TrimSpace(f[2])); err == nil {
			frames = append(frames, Frame{Rank: ms / matroska.RankStep, Mark: strings.TrimSpace(f[5])})
		}
	}
	if err := cmd.Wait(ctx); err != nil {
		return nil, fmt.Errorf("decode segment: %w", err)
	}
	return frames, lines.Err()
}

// Pixels returns the digest of frames, by their hashes in order of display: that of a
// [Result], and of a manifest's chunk.
func Pixels(hashes []string) string {
	return Prefixes(hashes, []int{len(hashes)})[0]
}

// Prefixes returns the [Pixels] of as many of the first frames as each of the lengths says,
// which increase; of those that are longer there are none.
func Prefixes(hashes []string, lengths []int) (sums []string) {
	h, n := sha256.New(), 0
	for _, length := range lengths {
		if length > len(hashes) {
			break
		}
		for ; n < length; n++ {
			io.WriteString(h, hashes[n])
		}
		sums = append(sums, hex.EncodeToString(h.Sum(nil)))
	}
	return sums
}
