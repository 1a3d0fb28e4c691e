package splice_test

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"

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
		cmd.Writes(filepath.Dir(out))
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

// AV1 is shown in the order in which it is coded: nothing is delayed.
func TestJoinOfAV1HasNoDelay(t *testing.T) {
	paths := chunks(t, recipes["libsvtav1"], []int{1, 9})
	pts, end := times(10, func(i int) int64 { return 100 + int64(i) })
	for i, p := range mediatest.Packets(t, joined(t, splice.Track{Timescale: 1000}, paths, pts, end)) {
		if p.PTS != pts[i] || p.DTS != pts[i] {
			t.Errorf("packet %d: %+v", i, p)
		}
	}
}

// The track ends when its last frame does, even when that is not the last one decoded.
func TestJoinHoldsTheLastFrame(t *testing.T) {
	for codec, lengths := range map[string][]int{"libx264": {5, 12}, "libsvtav1": {3, 2}} {
		paths := chunks(t, recipes[codec], lengths)
		frames := lengths[0] + lengths[1]
		for _, held := range []int64{1, 1001, 150_000} {
			pts, end := times(frames, func(i int) int64 {
				if i == frames-1 {
					return held
				}
				return 1001
			})
			out := joined(t, splice.Track{Timescale: 30000, Frames: frames}, paths, pts, end)
			begins, ends := extent(t, out)
			if got := ends - begins; got < end || held >= 1001 && got != end {
				t.Errorf("%s: the last frame is held %d ticks, the track is %d long, want %d", codec, held, got, end)
			}
		}
	}
}

// extent returns when the first frame of a fragmented track is shown and the last one ends.
func extent(t *testing.T, path string) (begins, ends int64) {
	t.Helper()
	f, err := mp4.ReadMP4File(path)
	if err != nil {
		t.Fatal(err)
	}
	begins = math.MaxInt64
	for _, s := range f.Segments {
		for _, frag := range s.Fragments {
			dts := int64(frag.Moof.Traf.Tfdt.BaseMediaDecodeTime())
			for _, s := range frag.Moof.Traf.Trun.Samples {
				pts := dts + int64(s.CompositionTimeOffset)
				begins, ends = min(begins, pts), max(ends, pts+int64(s.Dur))
				dts += int64(s.Dur)
			}
		}
	}
	return begins, ends
}

// Players turn the joined pictures clockwise.
func TestJoinTurnsPictures(t *testing.T) {
	path := encode(t, recipes["libx264"], pictures(t, 2))
	for degrees, turn := range map[int]string{0: "null", 90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"} {
		out := joined(t, splice.Track{Timescale: 25, Rotation: degrees}, []string{path}, []int64{0, 1}, 2)
		copied := mediatest.Make(t, "a.mp4", "-i", out, "-c", "copy")
		for _, file := range []string{out, copied} {
			got := mediatest.Run(t, "-i", file, "-f", "rawvideo", "-")
			if want := mediatest.Run(t, "-i", path, "-vf", turn, "-f", "rawvideo", "-"); !bytes.Equal(got, want) {
				t.Errorf("%s is not turned by %d degrees", filepath.Base(file), degrees)
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
