package split

import "math"

// Rule chooses boundaries among the clean keyframes. Lengths are in seconds of film.
//
// After Min, a keyframe becomes a boundary when the hash of its content is below a
// limit; the limit grows with the distance to the keyframe before, so that on the
// average a boundary comes Target seconds after the one before, for films with a
// keyframe in each frame and for such with one in five seconds alike. Where none
// comes before Max, the one with the smallest hash becomes it. Both depend on what
// the film holds near the boundary alone.
//
// No segment is longer than Max, save where the source has no keyframe to cut at,
// and none shorter than Min, save when the whole film is: a rest shorter than Min
// stays with the segment before it, which may so reach Max+Min.
type Rule struct {
	Min, Max float64
}

// Target is the length that the rule aims at, the middle of Min and Max. The average is
// a little less, because no segment grows beyond Max to make up for the short ones.
func (r Rule) Target() float64 { return r.Min + (r.Max-r.Min)/2 }

// choose returns the index of the candidate that ends the current segment, or -1
// when there is none, or it is too early to tell.
func (r Rule) choose(c *Cutter) int {
	best := -1
	for i, k := range c.cands {
		length := c.seconds(k.pts - c.begin)
		if length < r.Min {
			continue
		}
		if c.seconds(c.maxPTS-k.pts) < r.Min {
			break // the rest may be too short to stand alone
		}
		switch {
		case length > r.Max && best >= 0:
			return best
		case length > r.Max || r.accept(k):
			return i
		case best < 0 || k.hash <= c.cands[best].hash:
			best = i
		}
	}
	if best >= 0 && c.seconds(c.maxPTS-c.begin) > r.Max+r.Min {
		return best
	}
	return -1
}

// accept reports whether a keyframe's content makes it a boundary by itself.
func (r Rule) accept(k candidate) bool {
	spread := max(r.Target()-r.Min, 1e-3)
	p := 1 - math.Exp(-k.gap/spread)
	return float64(k.hash) < p*math.MaxUint64
}
