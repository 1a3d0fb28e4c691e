package e2e_test

import (
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/recipe"
)

// lossless returns a Spec whose deliverable has the source's very pixels, in chunks of
// about half a second.
func lossless(path string) job.Spec {
	qp := 0
	return job.Spec{
		Source: path, ChunkMin: 0.3, ChunkMax: 1,
		Video: recipe.Settings{Codec: "libx264", Preset: "superfast", QP: &qp},
	}
}

// losslessCase is a source whose frames must come through unchanged.
type losslessCase struct {
	source
	container string // mp4 if empty
	frames    int
	chunks    int // as many at least, so that something was joined
	// chunkMin and chunkMax are 0.3 and 1 if 0.
	chunkMin, chunkMax float64
	// is fails the test when the source is not what the case is about.
	is func(t *testing.T, src e2e.Probe)
	// check looks at more than the frames of the deliverable.
	check func(t *testing.T, src, out string)
}

func TestLosslessFramesAreTheSources(t *testing.T) {
	c := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264"}})
	for name, tc := range losslessCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.run(t, c)
		})
	}
}

func (tc losslessCase) run(t *testing.T, c *e2e.Cluster) {
	t.Helper()
	src := tc.create(t)
	want := tc.source.frames(t, src)
	if len(want) != tc.frames {
		t.Fatalf("the source has %d frames, the case wants %d", len(want), tc.frames)
	}
	e2e.Distinct(t, want)
	if tc.is != nil {
		tc.is(t, e2e.ProbeFile(t, src))
	}
	spec := lossless(src)
	spec.Container = tc.container
	if tc.chunkMax > 0 {
		spec.ChunkMin, spec.ChunkMax = tc.chunkMin, tc.chunkMax
	}
	j, out := c.Encode(t, spec)
	if j.Chunks.Total < tc.chunks || j.Frames != tc.frames {
		t.Errorf("got %d frames in %d chunks, want %d in at least %d", j.Frames, j.Chunks.Total, tc.frames, tc.chunks)
	}
	e2e.SameFrames(t, want, source{kept: tc.kept}.frames(t, out), e2e.Within(tc.container))
	if tc.check != nil {
		tc.check(t, src, out)
	}
}
