package chunk_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/reweave/reweave/pkg/chunk"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/recipe"
)

// raw decodes a file to raw frames.
func raw(t *testing.T, path, pixFmt string, extra ...string) []byte {
	t.Helper()
	args := append([]string{"-i", path}, extra...)
	return mediatest.Run(t, append(args, "-f", "rawvideo", "-pix_fmt", pixFmt, "-")...)
}

type colour struct {
	PixFmt string `json:"pix_fmt"`
	Range  string `json:"color_range"`
	Matrix string `json:"color_space"`
}

func colourOf(t *testing.T, path string) colour {
	t.Helper()
	var out struct {
		Streams []colour `json:"streams"`
	}
	mediatest.Probe(t, path, &out, "-show_streams")
	return out.Streams[0]
}

// Pictures in the wide range stay so in a pixel format that does not imply it.
func TestWideRangeStays(t *testing.T) {
	source := mediatest.Make(t, "a.mkv", append(slices.Clone(film), "-t", "0.4", "-vf", "format=yuvj420p", "-c:v", "mjpeg", "-q:v", "2")...)
	p := cut(t, source)[0]
	p.task.Recipe.Picture.PixFmt = "yuv420p"
	_, out, err := p.encode(t.Context(), t, nothing)
	if err != nil {
		t.Fatal(err)
	}
	if c := colourOf(t, out); c.Range != "pc" {
		t.Errorf("%+v", c)
	}
	if !bytes.Equal(raw(t, out, "yuvj420p"), raw(t, source, "yuvj420p")) {
		t.Error("the samples have changed")
	}
}

// RGB becomes BT.709 and says so, where the encoder takes no RGB.
func TestRGBBecomesBT709(t *testing.T) {
	source := mediatest.Make(t, "a.mkv", append(slices.Clone(film), "-t", "0.4", "-pix_fmt", "gbrp", "-c:v", "ffv1")...)
	p := cut(t, source)[0]
	p.task.Recipe.Picture.PixFmt = "yuv444p"
	_, out, err := p.encode(t.Context(), t, nothing)
	if err != nil {
		t.Fatal(err)
	}
	if c := colourOf(t, out); c != (colour{"yuv444p", "tv", "bt709"}) {
		t.Errorf("%+v", c)
	}
	back := raw(t, out, "rgb24", "-vf", "scale=in_color_matrix=bt709:in_range=tv:flags=accurate_rnd+full_chroma_int")
	want := raw(t, source, "rgb24")
	if len(back) != len(want) {
		t.Fatalf("%d bytes, want %d", len(back), len(want))
	}
	sum := 0.0
	for i := range want {
		sum += math.Abs(float64(back[i]) - float64(want[i]))
	}
	if mean := sum / float64(len(want)); mean > 1.5 { // two roundings; BT.601 instead gives 6
		t.Errorf("the colours differ by %.2f of 255 on the average", mean)
	}
}

// A segment that begins in the middle of a GOP decodes to fewer frames than it has packets,
// and its frames' digest is what an encode of it tells.
func TestFrames(t *testing.T) {
	mediatest.NoLeaks(t)
	p := cut(t, openGOP(t))[1]
	got, err := chunk.Frames(t.Context(), tool(t), p.path)
	if err != nil || !slices.IsSortedFunc(got, func(a, b chunk.Frame) int { return a.Rank - b.Rank }) {
		t.Fatal(got, err)
	}
	var owned []string
	for _, f := range got {
		if f.Rank >= p.First && f.Rank < p.First+len(p.PTS) {
			owned = append(owned, f.Mark)
		}
	}
	if len(owned) != len(p.PTS) {
		t.Errorf("%d of %d owned frames are decodable", len(owned), len(p.PTS))
	}
	r, err := (&chunk.Encoder{Tool: tool(t), Threads: 1}).Encode(t.Context(), p.task, p.path, filepath.Join(t.TempDir(), "chunk.mp4"), func(int) {})
	if err != nil || r.Pixels != chunk.Pixels(owned) {
		t.Errorf("an encode tells the pixels %s, its frames' are %s, %v", r.Pixels, chunk.Pixels(owned), err)
	}
	if _, err := chunk.Frames(t.Context(), tool(t), p.path+".not"); err == nil {
		t.Error("a segment that is not there is decodable")
	}
}

func TestEncodeAudio(t *testing.T) {
	mediatest.NoLeaks(t)
	track := mediatest.Make(t, "a.mov", "-f", "lavfi", "-i", "sine=d=1:sample_rate=48000", "-c:a", "pcm_s16le")
	task := queue.Task{ID: queue.Audio(0), Recipe: recipe.Recipe{Settings: recipe.Settings{Codec: "aac"}}}
	e := chunk.Encoder{Tool: tool(t), Threads: 1}
	var sums []string
	for range 2 {
		out := filepath.Join(t.TempDir(), "audio.mp4")
		r, err := e.EncodeAudio(t.Context(), task, track, out)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(out)
		sum := sha256.Sum256(b)
		if err != nil || r.Bytes != int64(len(b)) || r.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%+v of %d bytes, %v", r, len(b), err)
		}
		sums = append(sums, r.SHA256)
	}
	if sums[0] != sums[1] {
		t.Error("the same track gives other bytes the second time")
	}
	if _, err := e.EncodeAudio(t.Context(), task, track+".not", filepath.Join(t.TempDir(), "audio.mp4")); err == nil {
		t.Error("a track that is not there is encoded")
	}
}
