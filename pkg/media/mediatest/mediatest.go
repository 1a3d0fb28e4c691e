// Package mediatest makes small real media with ffmpeg, and reads back with ffmpeg and
// ffprobe what came of it: the second opinion that tests compare with.
package mediatest

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// limit bounds one run of ffmpeg on a busy machine.
const limit = 2 * time.Minute

// Run runs ffmpeg and returns what it wrote to its standard output. What it refuses
// fails the test.
func Run(t testing.TB, args ...string) []byte {
	t.Helper()
	return run(t, "ffmpeg", append([]string{"-hide_banner", "-nostdin", "-v", "error"}, args...)...)
}

func run(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return stdout.Bytes()
}

// Make runs ffmpeg with the arguments, whose output is a new file called name, and
// returns its path. Such as:
//
//	Make(t, "a.mp4", "-f", "lavfi", "-i", mediatest.Video(4, "25"), "-c:v", "libx264")
func Make(t testing.TB, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	Run(t, append(append([]string{"-y"}, args...), path)...)
	return path
}

// Video returns the lavfi source of moving pictures of 320x180, of which no two are equal.
func Video(seconds float64, rate string) string {
	return "testsrc2=s=320x180:r=" + rate + ":d=" + strconv.FormatFloat(seconds, 'f', -1, 64)
}

// Frame is a decoded frame: when it is shown, and the MD5 of its pixels.
type Frame struct {
	PTS  int64 // in ticks of the source's timebase
	Hash string
}

// Frames decodes the first video stream of path as it is, in the order of display. before
// are options before the input.
func Frames(t testing.TB, path string, before ...string) []Frame {
	t.Helper()
	args := append([]string{"-noautorotate", "-copyts"}, before...)
	return FrameLines(t, Run(t, append(args, "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough",
		"-enc_time_base", "-1", "-f", "framehash", "-hash", "md5", "-")...))
}

// Coded returns the coded packets of the first video stream of path, in decode order, with
// the hash of each. before are options before the input.
func Coded(t testing.TB, path string, before ...string) []Frame {
	t.Helper()
	args := append([]string{"-copyts"}, before...)
	return FrameLines(t, Run(t, append(args, "-i", path, "-map", "0:v:0", "-c", "copy", "-copyinkf",
		"-f", "framehash", "-hash", "md5", "-")...))
}

// FrameLines reads what the muxer framehash writes: lines of "stream, dts, pts, duration,
// size, hash[, side data]".
func FrameLines(t testing.TB, text []byte) []Frame {
	t.Helper()
	var out []Frame
	for line := range strings.Lines(string(text)) {
		f := strings.Split(line, ",")
		if strings.HasPrefix(line, "#") || len(f) < 6 {
			continue
		}
		pts, err := strconv.ParseInt(strings.TrimSpace(f[2]), 10, 64)
		if err != nil {
			t.Fatalf("read frame hashes: %q", line)
		}
		out = append(out, Frame{pts, strings.TrimSpace(f[5])})
	}
	return out
}

// Hashes returns the frames' hashes alone.
func Hashes(frames []Frame) []string {
	out := make([]string, len(frames))
	for i, f := range frames {
		out[i] = f.Hash
	}
	return out
}

// Packet is a packet as ffprobe lists it.
type Packet struct {
	PTS      int64  `json:"pts"`
	DTS      int64  `json:"dts"`
	Duration int64  `json:"duration"`
	Size     string `json:"size"`
	Flags    string `json:"flags"` // "K" for a keyframe, "D" for one that is not shown
}

// Key reports whether it is a keyframe.
func (p Packet) Key() bool { return strings.Contains(p.Flags, "K") }

// Discard reports whether it is decoded and not shown.
func (p Packet) Discard() bool { return strings.Contains(p.Flags, "D") }

// Packets lists the packets of the first video stream of path, in decode order. before are
// options before the input.
func Packets(t testing.TB, path string, before ...string) []Packet {
	t.Helper()
	var out struct {
		Packets []Packet `json:"packets"`
	}
	Probe(t, path, &out, append(before, "-select_streams", "v:0", "-show_packets")...)
	return out.Packets
}

// Probe asks ffprobe about path and reads its answer into out.
func Probe(t testing.TB, path string, out any, args ...string) {
	t.Helper()
	text := run(t, "ffprobe", append(append([]string{"-v", "error", "-of", "json"}, args...), path)...)
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatalf("read ffprobe's answer about %s: %v", path, err)
	}
}
