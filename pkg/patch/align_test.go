package patch_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/patch"
)

// checkRuns wants runs that are true, in order, and apart.
func checkRuns(t rapid.TB, old, new []int, runs []patch.Run) {
	t.Helper()
	o, n := 0, 0
	for i, r := range runs {
		if r.N < 1 || r.Old < o || r.New < n || r.Old+r.N > len(old) || r.New+r.N > len(new) {
			t.Fatalf("run %d is %+v, behind %d and %d", i, r, o, n)
		}
		if i > 0 && r.Old == o && r.New == n {
			t.Fatalf("run %d goes on where the one before ends", i)
		}
		if !slices.Equal(old[r.Old:r.Old+r.N], new[r.New:r.New+r.N]) {
			t.Fatalf("run %d, %+v, is not the same in both", i, r)
		}
		o, n = r.Old+r.N, r.New+r.N
	}
}

func TestAlignTellsTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		few := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 60)
		old, new := few.Draw(t, "old"), few.Draw(t, "new")
		checkRuns(t, old, new, patch.Align(old, new))
	})
}

// What an edit left alone is found, however often the same is in the film.
func TestAlignFindsWhatAnEditLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var old []int
		for i := range rapid.IntRange(1, 200).Draw(t, "length") {
			old = append(old, 1000+i) // each picture is another one,
		}
		for range rapid.IntRange(0, 5).Draw(t, "black") { // save for stretches of black
			at := rapid.IntRange(0, len(old)-1).Draw(t, "black at")
			old[at] = 0
		}
		from := rapid.IntRange(0, len(old)).Draw(t, "from")
		to := rapid.IntRange(from, len(old)).Draw(t, "to")
		var fix []int
		for i := range rapid.IntRange(0, 20).Draw(t, "fix") {
			fix = append(fix, 5000+i)
		}
		new := slices.Concat(old[:from], fix, old[to:])
		runs := patch.Align(old, new)
		checkRuns(t, old, new, runs)
		kept := 0
		for _, r := range runs {
			kept += r.N
		}
		if want := from + len(old) - to; kept < want {
			t.Fatalf("%d elements are found again of %d that were left", kept, want)
		}
	})
}

func TestAlignOfTheSameIsOneRun(t *testing.T) {
	same := []int{1, 1, 2, 3, 1}
	if got := patch.Align(same, same); !slices.Equal(got, []patch.Run{{Old: 0, New: 0, N: 5}}) {
		t.Errorf("%+v", got)
	}
	if got := patch.Align(nil, same); got != nil {
		t.Errorf("%+v", got)
	}
}
