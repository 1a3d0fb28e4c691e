package patch

import (
	"slices"
	"testing"
)

// Leading pictures go before the one that they lead to, which then is a place to begin;
// what is before it ends before them.
func TestLeadingPicturesBelongToWhatIsBefore(t *testing.T) {
	packets := []Packet{{PTS: 0, Key: true}, {PTS: 1}, {PTS: 4, Key: true}, {PTS: 2}, {PTS: 3}, {PTS: 5}, {PTS: 6, Key: true}, {PTS: 7}}
	markClosed(packets)
	settle(packets)
	var times, closed, parts []int
	for i, p := range packets {
		times = append(times, int(p.PTS))
		if p.Closed {
			closed = append(closed, i)
		}
		if p.Parts {
			parts = append(parts, i)
		}
	}
	if !slices.Equal(times, []int{0, 1, 2, 3, 4, 5, 6, 7}) || !slices.Equal(closed, []int{0, 4, 6}) || !slices.Equal(parts, []int{0, 2, 6}) {
		t.Errorf("%v, closed %v, parted %v", times, closed, parts)
	}
}

func TestWhatASpliceOfHEVCChangesDoesNotCount(t *testing.T) {
	set, other := []byte{0x40, 1, 7}, []byte{0x40, 1, 8} // VPS
	nal := func(all ...[]byte) (out []byte) {
		for _, n := range all {
			out = append(append(out, 0, 0, 0, byte(len(n))), n...)
		}
		return out
	}
	cra, bla, idr := []byte{21 << 1, 1, 9}, []byte{18 << 1, 1, 9}, []byte{19 << 1, 1, 9}
	known := [][]byte{set}
	want := hevcSum(nal(cra), known)
	for name, c := range map[string]struct {
		packet []byte
		same   bool
	}{
		"BLA": {nal(bla), true}, "repeated set": {nal(set, bla), true}, "another set": {nal(other, cra), false},
		"IDR": {nal(idr), false}, "other pixels": {nal([]byte{18 << 1, 1, 10}), false}, "more behind": {append(nal(cra), 1), false},
	} {
		if got := hevcSum(c.packet, known) == want; got != c.same {
			t.Errorf("%s: the same is %v", name, got)
		}
	}
}
