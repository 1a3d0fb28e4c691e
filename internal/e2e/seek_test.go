package e2e_test

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/recipe"
)

// fast returns quick settings of a codec.
func fast(codec string) recipe.Settings {
	q := map[string]int{"libx264": 30, "libx265": 32, "libsvtav1": 45, "librav1e": 140}[codec]
	s := recipe.Settings{Codec: codec, Preset: map[string]string{
		"libx264": "veryfast", "libx265": "superfast", "libsvtav1": "10", "librav1e": "10",
	}[codec]}
	if codec == "librav1e" {
		s.QP = &q
	} else {
		s.CRF = &q
	}
	return s
}

// TestSeeksLandOnTheRightFrame makes 50 seeks in the deliverables of each codec, which
// a full decode has found nothing wrong with.
func TestSeeksLandOnTheRightFrame(t *testing.T) {
	c := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264", "libx265", "libsvtav1", "librav1e"}})
	src := source{name: "a.mkv", film: "testsrc2=s=160x120:r=30000/1001:d=6", args: openGOP}.create(t)
	want := testenv.FrameHashes(t, src)
	for codec, containers := range map[string]string{
		"libx264": "mp4 mov mkv", "libx265": "mp4 mov mkv", "libsvtav1": "mp4 mkv ivf", "librav1e": "mp4 mkv ivf",
	} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same seeks each time
			left := 50
			for i, container := range strings.Fields(containers) {
				j, out := c.Encode(t, job.Spec{Source: src, Container: container, ChunkMin: 0.5, ChunkMax: 1.5, Video: fast(codec)})
				if j.Chunks.Total < 4 {
					t.Errorf("%s has %d chunks, want 4 or more", container, j.Chunks.Total)
				}
				got := testenv.FrameHashes(t, out)
				e2e.SameTimes(t, want, got, e2e.Within(container))
				n := left / (3 - i)
				left -= n
				seek(t, container, out, got, n, random)
			}
		})
	}
}

// seek makes n seeks in a file and compares what comes first with a full decode.
func seek(t *testing.T, container, path string, frames []testenv.Frame, n int, random *rand.Rand) {
	t.Helper()
	for range n {
		i := random.IntN(len(frames))
		// Half a frame ahead of it, as -ss takes microseconds and rounds.
		at := "0"
		if i > 0 {
			mid := new(big.Rat).Add(e2e.Since(frames, i-1), e2e.Since(frames, i))
			at = mid.Quo(mid, big.NewRat(2, 1)).FloatString(6)
		}
		text, said := e2e.FFmpeg(t, "-v", "error", "-ss", at, "-i", path, "-map", "0:v:0", "-frames:v", "1", "-f", "framemd5", "-")
		lines := strings.Fields(text)
		if got := lines[len(lines)-1]; got != frames[i].Hash || said != "" {
			t.Errorf("in %s, a seek to %s s shows %s and not frame %d: %s", container, at, whichFrame(frames, got), i, said)
		}
	}
}

func whichFrame(frames []testenv.Frame, hash string) string {
	for i, f := range frames {
		if f.Hash == hash {
			return "frame " + big.NewInt(int64(i)).String()
		}
	}
	return "none of its frames"
}
