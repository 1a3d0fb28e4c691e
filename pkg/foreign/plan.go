// Package foreign puts new frames into a deliverable that was made elsewhere: an MP4, MOV,
// Matroska or WebM without a manifest, whose own groups of pictures take the place of
// chunks.
//
// What is replaced grows to the nearest places where a decoder can change over from the
// old packets to new ones and back (see [Plan]). The frames between such a place and the
// range that was asked for are decoded from the deliverable itself, so they lose a
// generation; all others keep their packets. The new packets take the slots of the old
// ones in the file: decoding times, edit lists, other tracks and whatever else the file
// holds stay as they are, byte for byte.
package foreign

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/patch"
)

// Entry says what a picture is to a decoder that comes from other packets.
type Entry int

const (
	// None is a picture that needs others.
	None Entry = iota
	// Begin is one from which on everything may be replaced; but new pictures must not
	// stand before it: they would be taken for those that it, or what follows, refers to.
	Begin
	// Change is one before which new pictures may also end, once its leading pictures
	// (ITU-T H.265, 3.71) are replaced too.
	Change
)

// Picture is a coded picture as a plan sees it.
type Picture struct {
	// PTS is when it is shown, in ticks.
	PTS   int64
	Entry Entry
}

// Region is a stretch of slots, in decode order, that gets new packets.
type Region struct {
	// From is the first slot, To the one behind the last.
	From int `json:"from"`
	To   int `json:"to"`
	// Next is the old picture at which decoding goes on with old packets: To − Leading.
	// It moves into the last slot, behind the pictures that took the place of its leading
	// ones. Without leading ones it stays where it is, and has no part in the region.
	Next    int `json:"-"`
	Leading int `json:"-"`
	// Asked are the ranges of frames that led to it.
	Asked []patch.Frames `json:"asked"`
}

// Frames are the frames that are new, in order of display.
func (r Region) Frames() patch.Frames {
	if r.Leading == 0 {
		return patch.Frames{From: r.From, To: r.To}
	}
	return patch.Frames{From: r.From, To: r.To - 1}
}

// Count is the number of new frames.
func (r Region) Count() int { return r.Frames().Len() }

// Plan returns the least regions that hold the ranges of frames, in order, and begin and
// end where decoding can change over. pictures are in decode order, frames are counted in
// order of display; the end of the film is a safe place.
func Plan(pictures []Picture, asked []patch.Frames) ([]Region, error) {
	asked = slices.SortedStableFunc(slices.Values(asked), func(a, b patch.Frames) int { return cmp.Compare(a.From, b.From) })
	for i, a := range asked {
		where := fmt.Sprintf("frames %d to %d", a.From, a.To)
		switch {
		case a.From < 0 || a.Len() <= 0:
			return nil, fault.Userf("bad-range", where, "they are no range", "end it behind its beginning")
		case a.To > len(pictures):
			return nil, fault.Userf("range-past-end", where, fmt.Sprintf("the film has %d frames", len(pictures)), "end it at the film's end")
		case i > 0 && a.From < asked[i-1].To:
			return nil, fault.Userf("bad-range", where, "the ranges overlap", "make one of the two")
		}
	}
	in, out := places(pictures)
	var regions []Region
	for _, a := range asked {
		r := grow(in, out, len(pictures), a)
		if n := len(regions) - 1; n >= 0 && r.From <= regions[n].To {
			regions[n].To, regions[n].Next, regions[n].Leading = r.To, r.Next, r.Leading
			regions[n].Asked = append(regions[n].Asked, a)
			continue
		}
		regions = append(regions, r)
	}
	return regions, nil
}

// place is a picture at which new packets may end, with its number of leading pictures.
type place struct{ at, leading int }

// shown is the number of frames that are shown before the picture.
func (p place) shown() int { return p.at + p.leading }

// places lists where new packets may begin and where they may end.
func places(pictures []Picture) (in []int, out []place) {
	least := make([]int64, len(pictures)+1) // of the times from each picture on
	least[len(pictures)] = 1<<63 - 1
	for i := len(pictures) - 1; i >= 0; i-- {
		least[i] = min(least[i+1], pictures[i].PTS)
	}
	most := int64(-1 << 63)
	for i, p := range pictures {
		parted := most < least[i] // all before it is shown before all from it on
		most = max(most, p.PTS)
		if p.Entry == None || !parted {
			continue
		}
		in = append(in, i)
		leading := 0
		for i+leading+1 < len(pictures) && pictures[i+leading+1].PTS < p.PTS {
			leading++
		}
		if p.Entry == Change && least[i+leading+1] > p.PTS {
			out = append(out, place{i, leading})
		}
	}
	return in, out
}

func grow(in []int, out []place, frames int, asked patch.Frames) Region {
	r := Region{To: frames, Next: frames, Asked: []patch.Frames{asked}}
	for _, i := range in {
		if i <= asked.From {
			r.From = i
		}
	}
	for _, p := range out {
		if p.shown() >= asked.To {
			r.Next, r.Leading, r.To = p.at, p.leading, p.shown()
			break
		}
	}
	if r.Leading > 0 {
		r.To++ // the slots of the leading pictures, and that of the picture itself
	}
	return r
}
