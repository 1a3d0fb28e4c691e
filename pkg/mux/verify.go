package mux

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/plan"
)

// Verify reads the sample tables of a finished deliverable, or has its packets listed, and
// compares their number and their times with the plan's. Containers may round: to half a
// millisecond in mkv, to a tick of the timescale elsewhere.
func Verify(ctx context.Context, tool *ffmpeg.Tool, p *plan.Plan, container, file string) error {
	var times []int64
	var tb media.Rational
	err := errors.ErrUnsupported
	if container == "mp4" || container == "mov" {
		times, tb, err = sampleTimes(file)
	}
	if err != nil { // mp4ff can't read QuickTime's tags
		times, tb, err = listPackets(ctx, tool, file)
	}
	if err != nil {
		return fmt.Errorf("read the deliverable back: %w", err)
	}
	return compare(p, times, tb)
}

// listPackets has ffmpeg list the packets of the video track.
func listPackets(ctx context.Context, tool *ffmpeg.Tool, file string) (times []int64, tb media.Rational, err error) {
	cmd := tool.Command(ctx, append(ffmpeg.Safe(), "-copyts", "-i", "file:"+file, "-map", "0:v:0", "-c", "copy",
		"-copyinkf", "-f", "framecrc", "pipe:3")...)
	cmd.Reads(file)
	r, err := cmd.Pipe()
	if err != nil {
		return nil, tb, err
	}
	defer r.Close()
	if err := cmd.Start(); err != nil {
		return nil, tb, err
	}
	times, tb, err = packetTimes(r)
	r.Close() // what is not read any more must not be waited for
	return times, tb, errors.Join(err, cmd.Wait(ctx))
}

// packetTimes reads framecrc's lines "stream, dts, pts, …".
func packetTimes(r io.Reader) (times []int64, tb media.Rational, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		text := lines.Text()
		if v, ok := strings.CutPrefix(text, "#tb 0: "); ok {
			if tb, err = media.ParseRational(v); err != nil {
				return nil, tb, err
			}
		}
		f := strings.SplitN(text, ",", 4)
		if len(f) < 4 || strings.HasPrefix(text, "#") {
			continue
		}
		v, err := strconv.ParseInt(strings.TrimSpace(f[2]), 10, 64)
		if err != nil {
			return nil, tb, fmt.Errorf("presentation time %q", f[2])
		}
		times = append(times, v)
	}
	return times, tb, lines.Err()
}

func compare(p *plan.Plan, times []int64, tb media.Rational) error {
	if len(times) != p.Frames() {
		return wrong(fmt.Sprintf("it holds %d frames where the plan has %d", len(times), p.Frames()))
	}
	slices.Sort(times)
	origin := p.Start()
	tolerance := max(0.0006, tb.Float())
	i := 0
	for _, s := range p.Segments {
		for _, t := range s.Times.All() {
			want := float64(t-origin) * p.TimeBase.Float()
			got := float64(times[i]-times[0]) * tb.Float()
			if math.Abs(got-want) > tolerance {
				return wrong(fmt.Sprintf("frame %d is shown at %.6f s where the plan has %.6f s", i, got, want))
			}
			i++
		}
	}
	return nil
}

func wrong(what string) error {
	return &fault.Error{Class: fault.Permanent, Type: "verification-failed", Where: "deliverable", Title: what}
}
