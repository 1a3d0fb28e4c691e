package testenv_test

import (
	"testing"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/media"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func TestStartGivesAWorkingBusAndStore(t *testing.T) {
	e := testenv.Start(t)
	if err := e.Store.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if e.Bus == nil || e.Boot("encoder").Store == nil {
		t.Error("an Env without bus or store")
	}
}

func TestFrameHashesKeepTheContainersTimes(t *testing.T) {
	path := testenv.Media(t, "a.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=30000/1001", "-frames:v", "10",
		"-c:v", "libx264", "-bf", "2", "-video_track_timescale", "30000")
	frames := testenv.FrameHashes(t, path)
	if len(frames) != 10 {
		t.Fatalf("got %d frames, want 10", len(frames))
	}
	seen := map[string]bool{}
	for i, f := range frames {
		if want := (media.Rational{Num: 1, Den: 30000}); f.PTS != int64(i)*1001 || f.TimeBase != want {
			t.Errorf("frame %d at %d of %s, want %d of %s", i, f.PTS, f.TimeBase, i*1001, want)
		}
		seen[f.Hash] = true
	}
	if len(seen) < 2 {
		t.Errorf("all frames have one hash: %v", seen)
	}
}
