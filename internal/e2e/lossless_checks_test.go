package e2e_test

import (
	"slices"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
)

// shown returns the times of the packets in the order of display.
func shown(p e2e.Probe) (times []int64) {
	for _, pkt := range p.Packets {
		times = append(times, pkt.PTS)
	}
	slices.Sort(times)
	return times
}

// same fails the test unless of gives want for both files.
func same[V comparable](t *testing.T, src, out string, want V, of func(*testing.T, string) V) {
	t.Helper()
	if s, o := of(t, src), of(t, out); s != want || o != want {
		t.Errorf("the source has %+v and the deliverable %+v, want %+v", s, o, want)
	}
}

func samePixFmt(want string) func(t *testing.T, src, out string) {
	return func(t *testing.T, src, out string) {
		t.Helper()
		same(t, src, out, want, func(t *testing.T, path string) string { return e2e.ProbeFile(t, path).Of("video")[0].PixFmt })
	}
}

// sameFields wants every frame of both files to be a pair of fields, the top or the
// bottom one first.
func sameFields(topFirst int) func(t *testing.T, src, out string) {
	return func(t *testing.T, src, out string) {
		t.Helper()
		want := e2e.Frame{Interlaced: 1, TopFirst: topFirst}
		for _, path := range []string{src, out} {
			for i, f := range e2e.ProbeFrames(t, path) {
				if f != want {
					t.Fatalf("frame %d of %s is %+v, want %+v", i, path, f, want)
				}
			}
		}
	}
}

func sameRotation(want int) func(t *testing.T, src, out string) {
	return func(t *testing.T, src, out string) {
		t.Helper()
		same(t, src, out, want, func(t *testing.T, path string) int {
			for _, d := range e2e.ProbeFile(t, path).Of("video")[0].SideData {
				if d.Rotation != 0 {
					return d.Rotation
				}
			}
			return 0
		})
	}
}

func sameColour(t *testing.T, src, out string) {
	t.Helper()
	type look struct{ SAR, Primaries, Transfer, Matrix, Range string }
	same(t, src, out, look{"4:3", "bt709", "bt709", "bt709", "tv"}, func(t *testing.T, path string) look {
		v := e2e.ProbeFile(t, path).Of("video")[0]
		return look{v.SAR, v.Primaries, v.Transfer, v.Matrix, v.Range}
	})
}

// everyStep wants the deliverable's frames to be 1001/30000 s apart, in whole ticks.
func everyStep(want int64) func(t *testing.T, _, out string) {
	return func(t *testing.T, _, out string) {
		t.Helper()
		p := e2e.ProbeFile(t, out)
		v, times := p.Of("video")[0], shown(p)
		for i := 1; i < len(times); i++ {
			if got := times[i] - times[i-1]; got != want {
				t.Fatalf("frame %d comes %d ticks of %s after the one before, want %d", i, got, v.TimeBase, want)
			}
		}
		if v.AvgRate != "30000/1001" || v.TimeBase.Den != 30000 {
			t.Errorf("the average rate is %s in ticks of %s", v.AvgRate, v.TimeBase)
		}
	}
}
