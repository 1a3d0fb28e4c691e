package e2e_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/store"
)

// TestTheSamePixelsAreNotEncodedAgain encodes a film, and then a lossless export of it in
// another codec, of which no packet is the same, with something changed.
func TestTheSamePixelsAreNotEncodedAgain(t *testing.T) {
	c := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264"}})
	h264 := change{name: "a.mp4", args: "-c:v libx264 -preset superfast -qp 0 -g 25 -sc_threshold 0 -bf 2 -color_range tv"}
	ffv1 := change{name: "a.mkv", args: "-c:v ffv1 -g 1 -color_range tv"}
	spec := lossless(h264.film(t, "null"))
	spec.ChunkMin, spec.ChunkMax = 0.5, 3
	base, _ := c.Encode(t, spec)
	again := func(t *testing.T, same *job.Same, filter string, frames, least, most int) job.Job {
		t.Helper()
		spec.Source, spec.Same = ffv1.film(t, filter), same
		j, out := c.Encode(t, spec)
		e2e.SameFrames(t, testenv.FrameHashes(t, spec.Source), testenv.FrameHashes(t, out), e2e.Exact)
		if j.Frames != frames || j.Chunks.Encoded < least || j.Chunks.Encoded > most {
			t.Errorf("%d frames, %+v; want %d frames, and %d to %d chunks encoded", j.Frames, j.Chunks, frames, least, most)
		}
		return j
	}
	same := &job.Same{Base: base.Output.SHA256}
	r := c.Manifest(t, base).Plan.Recipe
	spec.Like = &job.Like{Picture: r.Picture, Rate: r.Rate} // FFV1 says nothing of where chroma lies
	t.Run("nothing changed", func(t *testing.T) { again(t, same, "null", 300, 0, 0) })
	t.Run("a second is redrawn", func(t *testing.T) { again(t, same, box, 300, 1, 3) })
	t.Run("frames are inserted", func(t *testing.T) { again(t, same, insert, 307, 1, 3) })
	t.Run("a chunk was evicted", func(t *testing.T) {
		if err := c.Store.Delete(t.Context(), store.ChunkKey(c.Manifest(t, base).Chunks[2].Key)); err != nil {
			t.Fatal(err)
		}
		again(t, same, "null", 300, 1, 3)
	})
	t.Run("packets alone", func(t *testing.T) { again(t, nil, "hue=h=1", 300, base.Chunks.Total/2, 1000) })
	t.Run("no such deliverable", func(t *testing.T) {
		spec.Source = ffv1.film(t, "null")
		spec.Same = &job.Same{Base: store.ChunkKey(c.Manifest(t, base).Chunks[0].Key)[len("chunks/ab/"):]}
		if j := c.Await(t, c.Submit(t, spec).ID); j.State != job.Failed || j.Error == nil || !strings.HasSuffix(j.Error.Type, "/no-such-deliverable") {
			t.Errorf("the job is %s: %+v", j.State, j.Error)
		}
	})
}

// TestWhatIsTheSameToTheEyeIsNotEncodedAgain encodes a film, and then a lossy export of it
// with a second redrawn and frames inserted, of which no frame is the same.
func TestWhatIsTheSameToTheEyeIsNotEncodedAgain(t *testing.T) {
	c := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264"}})
	master := change{name: "a.mkv", args: "-c:v ffv1 -g 1"}
	spec := lossless(master.film(t, "null"))
	spec.ChunkMin, spec.ChunkMax = 0.5, 3
	base, _ := c.Encode(t, spec)
	r := c.Manifest(t, base).Plan.Recipe
	spec.Like = &job.Like{Picture: r.Picture, Rate: r.Rate}
	lossy := change{name: "a.mp4", args: "-c:v libx264 -preset superfast -crf 12 -g 30"}
	for name, tc := range map[string]struct {
		filter      string
		same        job.Same
		least, most int // chunks encoded
	}{
		"redrawn":            {box, job.Same{PSNR: 35}, 1, 4},
		"inserted":           {insert, job.Same{SSIM: 0.95}, 1, 4},
		"an exact tolerance": {box, job.Same{PSNR: 99}, base.Chunks.Total / 2, 100},
	} {
		t.Run(name, func(t *testing.T) {
			tc.same.Base, tc.same.Depth = base.Output.SHA256, job.Eye
			spec.Source, spec.Same = lossy.film(t, tc.filter), &tc.same
			j, out := c.Encode(t, spec)
			if j.Chunks.Encoded < tc.least || j.Chunks.Encoded > tc.most {
				t.Errorf("%+v; want %d to %d chunks encoded", j.Chunks, tc.least, tc.most)
			}
			// What was taken over is near; what was encoded is the source itself.
			far := e2e.FarFrames(t, spec.Source, out, 30)
			if len(far) > 0 || j.Frames != len(testenv.FrameHashes(t, spec.Source)) {
				t.Errorf("%d frames, of which these are far from the source's: %v", j.Frames, far)
			}
		})
	}
}

// TestFiftyPatchesInARow patches a film fifty times, each time what the last patch gave. At
// its end the film is what encoding the last source from scratch gives, to the byte.
func TestFiftyPatchesInARow(t *testing.T) {
	t.Parallel()
	const patches = 50
	c, other := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264"}}), e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264"}})
	film := func(n int) string {
		var boxes strings.Builder
		for i := range n { // one after the other, all over the film
			fmt.Fprintf(&boxes, "drawbox=x=%d:y=%d:w=9:h=9:t=fill:c=red:enable='eq(n,%d)',", 5*(i%10), 4*(i%8), i*37%75)
		}
		return testenv.Media(t, "a.mkv", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=3,"+boxes.String()+"format=yuv420p", "-c:v", "ffv1", "-g", "1")
	}
	spec := lossless(film(0))
	spec.ChunkMin, spec.ChunkMax = 0.2, 0.5
	j, out := c.Encode(t, spec)
	chunks := j.Chunks.Total
	for n := 1; n <= patches; n++ {
		spec.Source, spec.Same = film(n), &job.Same{Base: j.Output.SHA256}
		if j, out = c.Encode(t, spec); j.Chunks.Encoded < 1 || j.Chunks.Encoded > chunks/2 {
			t.Fatalf("patch %d has %+v", n, j.Chunks)
		}
	}
	spec.Same = nil
	_, scratch := other.Encode(t, spec)
	sameBytes(t, scratch, out)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	// ISO/IEC 14496-12, 8.5.2: behind the box's type are its version, its flags and the count.
	at := bytes.Index(b, []byte("stsd"))
	if at < 0 || bytes.Count(b, []byte("stsd\x00")) != 1 || binary.BigEndian.Uint32(b[at+8:]) != 1 {
		t.Errorf("the film has not one sample description: % x", b[max(0, at):max(0, at)+12])
	}
}
