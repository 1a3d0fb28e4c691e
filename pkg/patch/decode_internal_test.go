package patch

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// What is merged holds the same frames, apart and in order, so that none is decoded twice.
func TestMergedStretchesHoldTheSameFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []Frames
		want := map[int]bool{}
		for range rapid.IntRange(0, 8).Draw(t, "stretches") {
			from := rapid.IntRange(0, 40).Draw(t, "from")
			f := Frames{from, from + rapid.IntRange(0, 12).Draw(t, "length")}
			all = append(all, f)
			for i := f.From; i < f.To; i++ {
				want[i] = true
			}
		}
		given, end := slices.Clone(all), -1
		for _, f := range merge(all) {
			if f.Len() <= 0 || f.From <= end {
				t.Fatalf("%v is empty, or not apart from what ends at %d", f, end)
			}
			for i := f.From; i < f.To; i++ {
				if !want[i] {
					t.Fatalf("frame %d is in none of %v", i, all)
				}
				delete(want, i)
			}
			end = f.To
		}
		if len(want) > 0 || !slices.Equal(all, given) {
			t.Fatalf("%v of %v are missing", want, given)
		}
	})
}
