package split

import (
	"math"
	"slices"
)

// Rule chooses boundaries among the clean keyframes. Lengths are in seconds of film.
//
// A keyframe is a landmark when the hash of its content is the smallest of all that are
// closer to it than a certain distance, before and behind. Landmarks are boundaries, and
// where two of them are further apart than Max, what lies between is divided by the same
// hashes. So a boundary depends on the film near it alone, and not on the boundary before:
// what is inserted, taken out or replaced moves the boundaries around it, and behind them
// none.
//
// No segment is shorter than Min, save when the whole film is. None is longer than Max,
// save where the source has no keyframe to cut at that is Min away from the boundary
// before, the one behind, and the end of the film.
type Rule struct {
	Min, Max float64
}

// Target is the length that the rule aims at, the middle of Min and Max.
func (r Rule) Target() float64 { return r.Min + (r.Max-r.Min)/2 }

// near is the distance below which a keyframe with a smaller hash keeps another one from
// being a landmark. Where each frame is a keyframe, landmarks are twice as far apart on the
// average, which is more than the target; dividing what is longer than Max makes up for it.
func (r Rule) near() float64 { return max(r.Min, 9./16*r.Target()) }

// patience is how long a stretch may become before it is divided without a landmark behind
// it, so that memory is bounded. It comes to that where keyframes are all the same.
func (r Rule) patience() float64 { return 8 * r.near() }

// choose returns which candidates end the current segment and those behind it, in order;
// none, when it is too early to tell.
func (r Rule) choose(c *Cutter, ended bool) []int {
	at := make([]float64, 0, len(c.cands))
	for _, k := range c.cands {
		at = append(at, c.seconds(k.pts-c.begin))
	}
	end := c.seconds(c.maxPTS - c.begin)
	v := view{Rule: r, cands: c.cands, at: at, end: end}
	if i := c.landmark(v, ended); i >= 0 {
		return append(v.divide(0, at[i], 0, i), i)
	}
	if ended {
		return v.divide(0, end, 0, len(at))
	}
	if i := v.fallback(); i >= 0 {
		return append(v.divide(0, at[i], 0, i), i)
	}
	return nil
}

// landmark returns the first landmark behind the current boundary, or -1. It looks once at
// each candidate of which all that is near has been seen.
func (c *Cutter) landmark(v view, ended bool) int {
	for c.judged = min(c.judged, len(v.at)); c.judged < len(v.at); c.judged++ {
		rest := v.end - v.at[c.judged]
		switch {
		case rest < v.near() && !ended, rest < v.Min:
			return -1
		case v.at[c.judged] >= v.near() && v.smallest(c.judged):
			return c.judged
		}
	}
	return -1
}

// view is what the rule sees: the candidates, and their distances in seconds from the
// current segment's begin, as that of the last frame that was seen.
type view struct {
	Rule
	cands []candidate
	at    []float64
	end   float64
}

// smallest reports whether no candidate near i has a smaller hash, and none before it the
// same.
func (v view) smallest(i int) bool {
	for k := i - 1; k >= 0 && v.at[i]-v.at[k] < v.near(); k-- {
		if v.cands[k].hash <= v.cands[i].hash {
			return false
		}
	}
	for k := i + 1; k < len(v.at) && v.at[k]-v.at[i] < v.near(); k++ {
		if v.cands[k].hash < v.cands[i].hash {
			return false
		}
	}
	return true
}

// least returns the candidate of the smallest hash between two distances, -1 if there is
// none.
func (v view) least(from, to float64) int {
	best := -1
	for i, at := range v.at {
		if at >= from && at <= to && (best < 0 || v.cands[i].hash < v.cands[best].hash) {
			best = i
		}
	}
	return best
}

// divide returns the candidates from number i on, before number k, at which the film from
// lo to hi is cut so that no part is longer than Max. It is cut at the smallest hash where
// two parts suffice, or else in the middle third, or else as near the middle as can be.
func (v view) divide(lo, hi float64, i, k int) []int {
	if hi-lo <= v.Max {
		return nil
	}
	from, to := max(hi-v.Max, lo+v.Min), min(lo+v.Max, hi-v.Min)
	if from > to {
		from, to = max(lo+(hi-lo)/3, lo+v.Min), min(hi-(hi-lo)/3, hi-v.Min)
	}
	best := v.least(from, to)
	if best < 0 {
		mid := lo + (hi-lo)/2
		for n := i; n < k; n++ {
			if v.at[n] >= lo+v.Min && v.at[n] <= hi-v.Min && (best < 0 || math.Abs(v.at[n]-mid) < math.Abs(v.at[best]-mid)) {
				best = n
			}
		}
	}
	if best < 0 {
		return nil
	}
	return slices.Concat(v.divide(lo, v.at[best], i, best), []int{best}, v.divide(v.at[best], hi, best+1, k))
}

// fallback returns the candidate that is taken for a landmark where none came for too long.
func (v view) fallback() int {
	if v.end <= v.patience()+v.near() {
		return -1
	}
	if i := v.least(v.patience()/2, v.patience()); i >= 0 {
		return i
	}
	return v.least(v.near(), v.end-v.near())
}
