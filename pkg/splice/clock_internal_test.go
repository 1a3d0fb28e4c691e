package splice

import (
	"testing"

	"pgregory.net/rapid"
)

// However the frames are cut into chunks, decoding times rise from packet to packet, and
// no frame that is coded up to reorder places early is decoded after it is shown.
func TestClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		reorder := rapid.IntRange(0, 4).Draw(t, "reorder")
		steps := rapid.SliceOfN(rapid.Int64Range(1, 5000), 1, 60).Draw(t, "steps")
		pts := []int64{0}
		for _, s := range steps {
			pts = append(pts, pts[len(pts)-1]+s)
		}
		end := pts[len(pts)-1]
		pts = pts[:len(pts)-1]
		var c clock
		var all []int64
		for at := 0; at < len(pts); {
			to := min(len(pts), at+rapid.IntRange(1, 9).Draw(t, "chunk"))
			next := end
			if to < len(pts) {
				next = pts[to]
			}
			if at == 0 {
				c = newClock(reorder, pts[:to], next)
			}
			dts := c.next(pts[at:to], next)
			if at > 0 && all[at] != dts[0] {
				t.Fatalf("packet %d is decoded at %d, and was to be at %d", at, dts[0], all[at])
			}
			all = append(all[:at], dts...)
			at = to
		}
		if all[0] != 0 || len(c.past) > reorder {
			t.Errorf("it begins at %d and remembers %d times", all[0], len(c.past))
		}
		for k := range pts {
			if all[k+1] <= all[k] {
				t.Fatalf("packet %d is decoded at %d, the one before at %d", k+1, all[k+1], all[k])
			}
			for rank := max(0, k-reorder); rank < len(pts); rank++ {
				if c.delay+pts[rank] < all[k] {
					t.Fatalf("packet %d is decoded at %d and shown at %d", k, all[k], c.delay+pts[rank])
				}
			}
		}
	})
}

func TestMatricesOfRightAnglesOnly(t *testing.T) {
	for degrees, want := range map[int]bool{0: false, 90: true, 180: true, 270: true, 45: false, 360: false} {
		if _, ok := matrices[degrees]; ok != want {
			t.Errorf("%d degrees: %v", degrees, ok)
		}
	}
}
