package e2e_test

import (
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/recipe"
)

// TestWhatIsKeptIsTheTenantsOwn names a deliverable whose chunks are to be kept, as its
// tenant, as another one, and wrongly.
func TestWhatIsKeptIsTheTenantsOwn(t *testing.T) {
	t.Parallel()
	c := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264"}})
	film, render := losslessFilm(t, "null", "0"), losslessFilm(t, "null", "1")
	spec := job.Spec{Source: film, Video: recipe.Settings{Preset: "ultrafast"}, Audio: "none", ChunkMin: 1, ChunkMax: 2}
	base := c.Await(t, c.SubmitFor(t, spec, "ours", 0).ID)
	if base.State != job.Done {
		t.Fatalf("the job is %+v", base)
	}
	keep := func(change func(*job.Spec)) job.Spec {
		s := spec
		s.Source = render
		s.Keep = &job.Keep{Base: base.Output.SHA256, Frames: 300, Runs: []job.KeepRun{{Old: 0, New: 0, Frames: 300}}}
		change(&s)
		return s
	}
	for name, tc := range map[string]struct {
		tenant string
		change func(*job.Spec)
		slug   string // "": done
		reused int
	}{
		"ours":             {"ours", func(*job.Spec) {}, "", base.Chunks.Total},
		"theirs":           {"theirs", func(*job.Spec) {}, "no-such-deliverable", 0},
		"nobody's":         {"", func(*job.Spec) {}, "no-such-deliverable", 0},
		"another":          {"ours", func(s *job.Spec) { s.Keep.Base = strings.Repeat("0", 64) }, "no-such-deliverable", 0},
		"longer":           {"ours", func(s *job.Spec) { s.Keep.Frames = 301 }, "wrong-length", 0},
		"shorter":          {"ours", func(s *job.Spec) { s.Keep.Frames, s.Keep.Runs[0].Frames = 299, 299 }, "wrong-length", 0},
		"behind its end":   {"ours", func(s *job.Spec) { s.Keep.Runs[0].Old = 1 }, "bad-range", 0},
		"another encoding": {"ours", func(s *job.Spec) { s.Video.Keyint = 33 }, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			j := c.Await(t, c.SubmitFor(t, keep(tc.change), tc.tenant, 0).ID)
			switch {
			case tc.slug == "" && (j.State != job.Done || j.Chunks.Reused != tc.reused || j.Frames != 300):
				t.Errorf("the job is %s with %+v: %+v", j.State, j.Chunks, j.Error)
			case tc.slug != "" && (j.State != job.Failed || j.Error.Slug() != tc.slug):
				t.Errorf("the job is %s: %+v, want %s", j.State, j.Error, tc.slug)
			case tc.slug == "" && tc.reused == 0 && !strings.Contains(strings.Join(j.Notes, " "), "no chunk is taken over"):
				t.Errorf("nothing tells that no chunk is taken over: %q", j.Notes)
			}
		})
	}
}
