package splice_test

import (
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/splice"
)

// times returns n presentation times from 0 and the end of the last one.
func times(n int, step func(i int) int64) (pts []int64, end int64) {
	for i := range n {
		pts = append(pts, end)
		end += step(i)
	}
	return pts, end
}

// The packets of a join are those of its chunks, bit for bit, at the times they were given.
func TestJoinKeepsPacketsAndTimes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rates := map[string]struct {
		scale uint32
		step  func(int) int64
	}{
		"constant": {30000, func(int) int64 { return 1001 }},
		"variable": {90000, func(int) int64 { return 90 + r.Int64N(10_000) }},
	}
	for codec, settings := range recipes {
		t.Run(codec, func(t *testing.T) {
			paths := chunks(t, settings, lengths(7, 3))
			var want []string
			for _, p := range paths {
				want = append(want, mediatest.Hashes(mediatest.Coded(t, p))...)
			}
			for name, rate := range rates {
				pts, end := times(len(want), rate.step)
				out := joined(t, splice.Track{Timescale: rate.scale}, paths, pts, end)
				if got := mediatest.Hashes(mediatest.Coded(t, out)); !slices.Equal(got, want) {
					t.Errorf("%s: the packets differ from the chunks'", name)
				}
				checkTimes(t, name, mediatest.Packets(t, out), pts)
			}
		})
	}
}

// A join that ffmpeg reads from a pipe and copies on keeps its times in the deliverable,
// also where its first chunk has no reordering and a later one has.
func TestJoinThroughAPipe(t *testing.T) {
	paths := chunks(t, recipes["libx264"], []int{1, 2, 24, 1, 24})
	pts, end := times(52, func(i int) int64 { return 900 + int64(i%7)*501 })
	for container, tick := range map[string]int64{"mp4": 1, "mov": 1, "matroska": 90} {
		out := filepath.Join(t.TempDir(), "a."+container)
		r, w := io.Pipe()
		go func() { w.CloseWithError(join(t, w, splice.Track{Timescale: 90000}, paths, pts, end)) }()
		cmd := tool(t).Command(t.Context(), "-f", "mp4", "-i", "pipe:0", "-c", "copy", "-f", container, "-y", out)
		cmd.Stdin(r)
		if err := cmd.Run(t.Context()); err != nil || strings.Contains(cmd.Log(), "DTS") {
			t.Fatal(err, cmd.Log())
		}
		got := mediatest.Packets(t, out)
		if tick == 1 {
			checkTimes(t, container, got, pts)
			continue
		}
		var shown []int64
		for _, p := range got {
			shown = append(shown, p.PTS*tick)
		}
		slices.Sort(shown)
		for i := range shown {
			if off := shown[i] - shown[0] - pts[i]; off > tick || off < -tick {
				t.Errorf("%s: frame %d is off by %d ticks", container, i, off)
			}
		}
	}
}

// checkTimes compares the times of packets with those that were given, but for one
// constant: ffmpeg moves a track whose composition offsets are negative.
func checkTimes(t *testing.T, name string, got []mediatest.Packet, want []int64) {
	t.Helper()
	var pts []int64
	for i, p := range got {
		pts = append(pts, p.PTS)
		if i > 0 && p.DTS <= got[i-1].DTS {
			t.Errorf("%s: packet %d is decoded at %d, the one before at %d", name, i, p.DTS, got[i-1].DTS)
		}
	}
	slices.Sort(pts)
	if len(pts) != len(want) {
		t.Fatalf("%s: %d packets, want %d", name, len(pts), len(want))
	}
	for i := range pts {
		if pts[i]-pts[0] != want[i] {
			t.Fatalf("%s: frame %d is shown at %d, want %d", name, i, pts[i]-pts[0], want[i])
		}
	}
}
