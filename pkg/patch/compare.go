package patch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"

	"github.com/reweave/reweave/pkg/fault"
)

// Frames is a stretch of frames, counted from 0, From included and To not.
type Frames struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Len is the number of frames.
func (f Frames) Len() int { return f.To - f.From }

// Kept is a stretch that both films have, packet for packet.
type Kept struct {
	Old Frames `json:"old"`
	New Frames `json:"new"`
	// SHA256 is the digest of the packets' digests, equal in both films.
	SHA256 string `json:"sha256"`
}

// Change is a stretch that one film has in place of one of the other; one of the two may
// be empty.
type Change struct {
	Old Frames `json:"old"`
	New Frames `json:"new"`
}

// Comparison is what two films share and what not, in order, without gaps.
type Comparison struct {
	Kept    []Kept
	Changes []Change
}

// Compare finds what was kept of base in out. Only whole groups of pictures count, from
// one closed keyframe to another, with the same times between their frames: so what
// decodes to other frames in out is never taken for kept.
func Compare(base, out *Film) (Comparison, error) {
	if err := sameShape(base, out); err != nil {
		return Comparison{}, err
	}
	var c Comparison
	var at Change // where the next change would begin
	runs := Align(sums(base), sums(out))
	if !sameParameters(base, out) { // the same packets would decode otherwise
		runs = nil
	}
	for _, r := range runs {
		for _, r := range steady(base, out, whole(base, out, r)) {
			k := Kept{Old: Frames{r.Old, r.Old + r.N}, New: Frames{r.New, r.New + r.N}, SHA256: digest(out.Packets[r.New : r.New+r.N])}
			c.change(Change{Old: Frames{at.Old.To, k.Old.From}, New: Frames{at.New.To, k.New.From}})
			c.Kept = append(c.Kept, k)
			at.Old.To, at.New.To = k.Old.To, k.New.To
		}
	}
	c.change(Change{Old: Frames{at.Old.To, base.Frames()}, New: Frames{at.New.To, out.Frames()}})
	return c, nil
}

func (c *Comparison) change(ch Change) {
	if ch.Old.Len() > 0 || ch.New.Len() > 0 {
		c.Changes = append(c.Changes, ch)
	}
}

func sameShape(base, out *Film) error {
	a, b := base.Source.Video, out.Source.Video
	differ := func(what string, x, y any) error {
		return fault.Userf("other-film", out.Name, fmt.Sprintf("its %s is %v, that of %s is %v", what, y, base.Name, x),
			"compare with the deliverable that it was made from")
	}
	switch {
	case base.Codec != out.Codec:
		return differ("codec", a.Codec, b.Codec)
	case a.Picture.Width != b.Picture.Width || a.Picture.Height != b.Picture.Height:
		return differ("size", fmt.Sprintf("%d×%d", a.Picture.Width, a.Picture.Height), fmt.Sprintf("%d×%d", b.Picture.Width, b.Picture.Height))
	}
	return nil
}

func sums(f *Film) []Sum {
	out := make([]Sum, len(f.Packets))
	for i, p := range f.Packets {
		out[i] = p.Sum
	}
	return out
}

// whole narrows a run to whole groups of pictures. The result may be empty.
func whole(base, out *Film, r Run) Run {
	end := r.N
	for end > 0 && (!base.parts(r.Old+end) || !out.parts(r.New+end)) {
		end--
	}
	begin := 0
	for begin < end && !bothClosed(base, out, r.Old+begin, r.New+begin) {
		begin++
	}
	return Run{r.Old + begin, r.New + begin, end - begin}
}

// bothClosed reports whether packet o of the one and n of the other begin a closed group,
// with the same packets hidden before it, if there are any.
func bothClosed(base, out *Film, o, n int) bool {
	return base.Packets[o].Closed && out.Packets[n].Closed && base.before(o) == out.before(n)
}

// before names what is hidden before packet i.
func (f *Film) before(i int) string {
	if i > 0 {
		return ""
	}
	return f.Hidden
}

// steady parts a run where the times between its frames differ, at the keyframes before
// and behind, and leaves out the groups in which they do. Times may differ by what
// Matroska's milliseconds round.
func steady(base, out *Film, r Run) []Run {
	var runs []Run
	for r.N > 0 {
		n, good := 0, true
		for ; n < r.N; n++ {
			if n > 0 && bothClosed(base, out, r.Old+n, r.New+n) {
				break
			}
			good = good && sameStep(base, out, r.Old, r.New, n)
		}
		group := Run{r.Old, r.New, n}
		if last := len(runs) - 1; good && last >= 0 && runs[last].New+runs[last].N == group.New &&
			sameStep(base, out, runs[last].Old, runs[last].New, runs[last].N) {
			runs[last].N += n
		} else if good {
			runs = append(runs, group)
		}
		r = Run{r.Old + n, r.New + n, r.N - n}
	}
	return runs
}

// sameStep reports whether packet n of a run is shown as long after its first one in both.
func sameStep(base, out *Film, o, n, i int) bool {
	a := float64(base.Packets[o+i].PTS-base.Packets[o].PTS) * base.TimeBase.Float()
	b := float64(out.Packets[n+i].PTS-out.Packets[n].PTS) * out.TimeBase.Float()
	return math.Abs(a-b) < 0.0011
}

func digest(packets []Packet) string {
	h := sha256.New()
	for _, p := range packets {
		h.Write(p.Sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
