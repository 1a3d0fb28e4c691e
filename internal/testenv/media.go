package testenv

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/media"
)

// ffmpegLimit bounds one run of ffmpeg on a busy machine.
const ffmpegLimit = 2 * time.Minute

// Media runs ffmpeg with the arguments and the path of a new file called name, and
// returns that path. What ffmpeg refuses fails the test. Such as:
//
//	Media(t, "a.mp4", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30000/1001:d=4", "-c:v", "libx264")
func Media(t testing.TB, name string, ffmpegArgs ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	ffmpeg(t, append(append([]string{"-y"}, ffmpegArgs...), path)...)
	return path
}

// Frame is a decoded frame: when it is shown, and the MD5 of its raw pixels.
type Frame struct {
	// PTS is in ticks of TimeBase seconds, as the container has it.
	PTS      int64
	TimeBase media.Rational
	Hash     string
}

// FrameHashes decodes the first video stream of path in order of display. The
// frames are neither rotated nor dropped nor doubled, and keep the PTS and the
// timebase that the container gives them. extra goes before the input.
func FrameHashes(t testing.TB, path string, extra ...string) []Frame {
	t.Helper()
	args := append([]string{"-noautorotate", "-copyts"}, extra...)
	out := ffmpeg(t, append(args, "-i", path, "-map", "0:v:0",
		"-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "framehash", "-hash", "md5", "-")...)
	frames, err := parseFrameHashes(out)
	if err != nil {
		t.Fatalf("read frame hashes of %s: %v", path, err)
	}
	return frames
}

// parseFrameHashes reads the framehash format, version 2: a header with the line
// "#tb 0: NUM/DEN", then "stream, dts, pts, duration, size, hash" for each frame.
func parseFrameHashes(out string) ([]Frame, error) {
	var frames []Frame
	var tb media.Rational
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if s, ok := strings.CutPrefix(line, "#tb 0: "); ok {
			var err error
			if tb, err = media.ParseRational(s); err != nil {
				return nil, err
			}
		}
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, ",")
		if len(fields) != 6 || !tb.Valid() {
			return nil, fmt.Errorf("line %q behind timebase %s", line, tb)
		}
		pts, err := strconv.ParseInt(strings.TrimSpace(fields[2]), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		frames = append(frames, Frame{PTS: pts, TimeBase: tb, Hash: strings.TrimSpace(fields[5])})
	}
	return frames, nil
}

// ffmpeg returns what ffmpeg wrote to its standard output.
func ffmpeg(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), ffmpegLimit)
	defer cancel()
	args = append([]string{"-hide_banner", "-nostdin", "-v", "error"}, args...)
	cmd := exec.CommandContext(ctx, "ffmpeg", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String()
}
