package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/plan"
)

// change is a film of 12 s and what becomes of it when something in it is changed.
type change struct {
	name, args string
	// changed is the filter that makes the second film of the first one's frames.
	changed string
	// added is how many frames the second film has more, encoded how many chunks of it
	// may be encoded: the one that the change lies in, and a neighbour, where the change
	// moves a boundary.
	added, encoded int
}

// box changes the frames of the sixth second, one GOP of 25.
const box = "drawbox=w=40:h=40:t=fill:c=red:enable='between(n,125,149)'"

// insert puts seven frames of another film behind frame 153.
const insert = "split[a][b];[a]trim=end_frame=153[head];[b]trim=start_frame=153,setpts=PTS-STARTPTS[tail];" +
	"mandelbrot=s=160x120:r=25,format=yuv420p,trim=end_frame=7[new];[head][new][tail]concat=n=3"

var changes = map[string]change{
	"a GOP of H.264 is redrawn":        {"a.mp4", "-c:v libx264 -preset superfast -qp 20 -g 25 -sc_threshold 0 -bf 2 -b_strategy 0", box, 0, 2},
	"a second of FFV1 is redrawn":      {"a.mkv", "-c:v ffv1 -g 1", box, 0, 2},
	"frames are inserted into MJPEG":   {"a.mkv", "-c:v mjpeg -q:v 3", insert, 7, 2},
	"frames are inserted into ProRes":  {"a.mov", "-c:v prores_ks -profile:v 0", insert, 7, 2},
	"frames are inserted into raw y4m": {"a.y4m", "-pix_fmt yuv420p", insert, 7, 2},
	"a GOP of HEVC with B is redrawn":  {"a.mp4", "-c:v libx265 -preset ultrafast -x265-params qp=20:keyint=25:min-keyint=25:open-gop=0:log-level=error", box, 0, 2},
}

func TestAChangeIsEncodedAndNothingElse(t *testing.T) {
	c := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264"}})
	for name, tc := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := tc.film(t, "null"), tc.film(t, tc.changed)
			spec := lossless(before)
			spec.ChunkMin, spec.ChunkMax = 0.5, 3
			j1, _ := c.Encode(t, spec)
			spec.Source = after
			j2, out := c.Encode(t, spec)
			e2e.SameFrames(t, testenv.FrameHashes(t, after), testenv.FrameHashes(t, out), e2e.Exact)
			if j1.Frames != 300 || j2.Frames != 300+tc.added || j1.Chunks.Encoded < 5 {
				t.Errorf("%d frames in %+v became %d in %+v", j1.Frames, j1.Chunks, j2.Frames, j2.Chunks)
			}
			if j2.Chunks.Encoded < 1 || j2.Chunks.Encoded > tc.encoded {
				t.Errorf("the change had %d chunks encoded, want 1 to %d:\n%s", j2.Chunks.Encoded, tc.encoded,
					difference(c.Manifest(t, j1), c.Manifest(t, j2)))
			}
		})
	}
}

// film makes the film with one more filter.
func (c change) film(t *testing.T, filter string) string {
	t.Helper()
	args := append([]string{"-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=12,format=yuv420p", "-filter_complex", "[0:v]" + filter},
		strings.Fields(c.args)...)
	return testenv.Media(t, c.name, args...)
}

// difference lists the chunks of two films by their frames.
func difference(a, b plan.Manifest) string {
	var s strings.Builder
	known := map[string]bool{}
	for _, c := range a.Chunks {
		known[c.Key] = true
		fmt.Fprintf(&s, "%d+%d ", c.Start, c.Frames)
	}
	s.WriteString("became\n")
	for _, c := range b.Chunks {
		fmt.Fprintf(&s, "%d+%d%s ", c.Start, c.Frames, map[bool]string{false: "(new)"}[known[c.Key]])
	}
	return s.String()
}
