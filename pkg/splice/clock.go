package splice

import "slices"

// clock makes the decoding times of a track. The k-th packet in decode order is decoded
// when the frame that is shown reorder places before the k-th is shown, and everything is
// shown delay ticks late, so that nothing is decoded after it is shown. (Composition
// offsets below 0 would do without the delay; but a demuxer that reads a pipe learns of
// a more negative one too late, and then moves all that follows: ffmpeg's dts_shift.)
type clock struct {
	reorder int
	step    int64   // between the first packets, before which nothing is shown
	delay   int64   // reorder steps
	n       int     // packets so far
	past    []int64 // presentation times of the last reorder frames
}

// newClock returns the clock of a track whose first frames are shown at pts.
func newClock(reorder int, pts []int64, end int64) clock {
	step := end - pts[len(pts)-1]
	for k := range len(pts) - 1 {
		step = min(step, pts[k+1]-pts[k])
	}
	return clock{reorder: reorder, step: step, delay: int64(reorder) * step}
}

// next returns the decoding times of the next packets, whose frames are shown at pts, and
// that of the packet behind them.
func (c *clock) next(pts []int64, end int64) []int64 {
	shown := slices.Concat(c.past, pts, []int64{end})
	dts := make([]int64, len(pts)+1)
	for k := range dts {
		if c.n+k < c.reorder {
			dts[k] = int64(c.n+k) * c.step
		} else {
			dts[k] = c.delay + shown[len(c.past)+k-c.reorder]
		}
	}
	c.n += len(pts)
	shown = shown[:len(shown)-1]
	c.past = slices.Clone(shown[max(0, len(shown)-c.reorder):])
	return dts
}
