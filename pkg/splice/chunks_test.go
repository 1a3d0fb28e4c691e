package splice_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/recipe"
	"github.com/reweave/reweave/pkg/splice"
)

const (
	width, height = 160, 96
	frameBytes    = width * height * 3 / 2
)

func tool(t testing.TB) *ffmpeg.Tool {
	t.Helper()
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

func n(v int) *int { return &v }

var recipes = map[string]recipe.Settings{
	"libx264":   {Codec: "libx264", Preset: "veryfast", CRF: n(30)},
	"libx265":   {Codec: "libx265", Preset: "ultrafast", CRF: n(35)},
	"libsvtav1": {Codec: "libsvtav1", Preset: "12", CRF: n(50)},
	"librav1e":  {Codec: "librav1e", Preset: "10", QP: n(150)},
}

// pictures returns raw frames of moving pictures.
func pictures(t testing.TB, frames int) []byte {
	t.Helper()
	return mediatest.Run(t, "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=s=%dx%d:r=25", width, height),
		"-frames:v", fmt.Sprint(frames), "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
}

// encode makes a chunk of raw frames as package chunk does, and returns its path.
func encode(t testing.TB, s recipe.Settings, raw []byte, change ...func(*recipe.Recipe)) string {
	t.Helper()
	r := recipe.Recipe{
		Settings: s, Threads: 1, Rate: media.Rational{Num: 30000, Den: 1001},
		Picture: media.Picture{Width: width, Height: height, PixFmt: "yuv420p", SAR: media.Rational{Num: 1, Den: 1}},
	}
	for _, c := range change {
		c(&r)
	}
	out := filepath.Join(t.TempDir(), "chunk.mp4")
	args := append(r.Input(), "-i", "pipe:0", "-map", "0:v:0")
	args = append(append(args, r.Args(2)...), tool(t).Passthrough()...)
	cmd := tool(t).Command(t.Context(), append(append(args, ffmpeg.ChunkFlags...), "-f", "mp4", "-y", "file:"+out)...)
	cmd.Writes(filepath.Dir(out))
	cmd.Stdin(bytes.NewReader(raw))
	if err := cmd.Run(t.Context()); err != nil {
		t.Fatal(err, cmd.Log())
	}
	return out
}

// chunks encodes pictures in pieces of the given lengths.
func chunks(t testing.TB, s recipe.Settings, lengths []int) []string {
	t.Helper()
	total := 0
	for _, l := range lengths {
		total += l
	}
	raw := pictures(t, total)
	var out []string
	for _, l := range lengths {
		out = append(out, encode(t, s, raw[:l*frameBytes]))
		raw = raw[l*frameBytes:]
	}
	return out
}

// lengths draws lengths from 1 to 24, the shortest among them.
func lengths(n int, seed uint64) []int {
	r := rand.New(rand.NewPCG(seed, 0))
	out := []int{1, 24, 2}
	for len(out) < n {
		out = append(out, 1+r.IntN(24))
	}
	return out
}

func openChunk(t testing.TB, path string) *splice.Chunk {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	c, err := splice.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// join joins chunks, whose frames are shown at pts; the last one ends at end.
func join(t testing.TB, w io.Writer, track splice.Track, paths []string, pts []int64, end int64) error {
	t.Helper()
	j := splice.NewJoiner(w, track)
	at := 0
	for _, p := range paths {
		c := openChunk(t, p)
		to := at + c.Frames()
		next := end
		if to < len(pts) {
			next = pts[to]
		}
		if err := j.Add(c, pts[at:to], next); err != nil {
			return err
		}
		if at = to; j.Frames() != at {
			t.Fatalf("%d frames joined, want %d", j.Frames(), at)
		}
	}
	return nil
}

func joined(t testing.TB, track splice.Track, paths []string, pts []int64, end int64) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "joined.mp4")
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := join(t, f, track, paths, pts, end); err != nil {
		t.Fatal(err)
	}
	return out
}
