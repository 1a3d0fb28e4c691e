package montage

import (
	"testing"

	"pgregory.net/rapid"
)

// Outside the stretches every sample is the track's own, at its place; within, behind the
// fade at each end, it is the edit's.
func TestMontageChangesNothingOutsideItsStretches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const rate = 1000 // so that a fade is five samples
		total := rapid.IntRange(50, 400).Draw(t, "samples of the track")
		m := Montage{Rate: rate, Channels: 1, Start: float64(rapid.IntRange(0, 20).Draw(t, "start")) / rate}
		type sample struct{ input, at int } // of the input, counted from its beginning
		var want []sample
		at := 0
		first := int(m.Start*rate + 0.5)
		for k := range rapid.IntRange(1, 3).Draw(t, "splices") {
			from := at + rapid.IntRange(0, 25).Draw(t, "gap")
			to := from + rapid.IntRange(0, 25).Draw(t, "replaced")
			if to > total {
				break
			}
			length := rapid.IntRange(1, 60).Draw(t, "length")
			late := rapid.IntRange(0, 10).Draw(t, "late")
			m.Splices = append(m.Splices, Splice{
				From: float64(first+from) / rate, To: float64(first+to) / rate, At: float64(100+late) / rate, Length: float64(length) / rate, Start: 0.1, Samples: 1000,
			})
			for i := at; i < from; i++ {
				want = append(want, sample{0, i})
			}
			for i := range length {
				want = append(want, sample{k + 1, late + i})
			}
			at = to
		}
		for i := at; i < total; i++ {
			want = append(want, sample{0, i})
		}
		// What the graph does: the end of each piece fades into the beginning of the next.
		type mixed struct {
			sample
			faded bool
		}
		var got []mixed
		for _, c := range m.cuts() {
			to := int(c.to)
			if c.to < 0 {
				to = total
			}
			if n := to - int(c.from); n < int(c.fade) || len(got) < int(c.fade) {
				t.Fatalf("a piece of %d samples is to share %d with %d before it", n, c.fade, len(got))
			}
			got = got[:len(got)-int(c.fade)]
			for i := int(c.from); i < to; i++ {
				got = append(got, mixed{sample{c.input, i}, i < int(c.from+c.fade)})
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d samples, want %d: %+v", len(got), len(want), m.cuts())
		}
		for i, w := range want {
			if g := got[i]; g.sample != w && (!g.faded || w.input == 0) {
				t.Fatalf("sample %d is %+v, want %+v, of %+v", i, g, w, m.cuts())
			}
		}
	})
}
