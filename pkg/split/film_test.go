package split_test

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/split"
)

// film is a generated stream: its packets in decode order, and what each refers to.
type film struct {
	tb      media.Rational
	packets []split.Packet
	refs    [][]int // numbers of the packets that the packet is decoded from
}

// frame is a frame in the order of display, while a film is made.
type frame struct {
	pts    int64
	anchor bool // coded before the frames that are shown before it
	key    bool
	clean  bool
	coded  int // number of its packet, once it is coded
}

// films generates what encoders and containers really make.
func films() *rapid.Generator[film] {
	return rapid.Custom(func(t *rapid.T) film {
		f := film{tb: rapid.SampledFrom([]media.Rational{
			{Num: 1, Den: 25}, {Num: 1001, Den: 30000}, {Num: 1, Den: 90000}, {Num: 1, Den: 1000}, {Num: 1, Den: 12800},
		}).Draw(t, "timebase")}
		shown := times(t, f.tb)
		structure := rapid.SampledFrom([]string{"closed", "open", "intra", "one keyframe"}).Draw(t, "structure")
		minis := rapid.IntRange(0, 7).Draw(t, "B-frames in a row")
		pyramid := rapid.Bool().Draw(t, "pyramid")
		gop := rapid.IntRange(1, 60).Draw(t, "GOP length")
		for i, sinceKey := 0, 0; i < len(shown); sinceKey++ {
			fr := &shown[i]
			fr.anchor = true
			fr.key = i == 0 || structure == "intra" || structure != "one keyframe" && sinceKey >= gop
			fr.clean = fr.key && (i == 0 || rapid.IntRange(0, 9).Draw(t, "clean") > 0)
			if fr.key {
				sinceKey = 0
			}
			next := i + 1 + rapid.IntRange(0, minis).Draw(t, "mini-GOP")
			if structure == "intra" {
				next = i + 1
			}
			i = next
		}
		shown[len(shown)-1].anchor = true
		f.code(shown, structure, pyramid, t)
		f.edit(t)
		return f
	})
}

// times draws the presentation times: constant or variable, with any start.
func times(t *rapid.T, tb media.Rational) []frame {
	start := rapid.Int64Range(-100_000, 1_000_000).Draw(t, "start")
	step := max(1, int64(0.04/tb.Float()))
	vfr := rapid.Bool().Draw(t, "variable rate")
	shown := make([]frame, rapid.IntRange(1, 400).Draw(t, "frames"))
	for i := range shown {
		shown[i].pts = start
		start += step
		if vfr {
			start += rapid.Int64Range(1-step, 4*step).Draw(t, "wait")
		}
	}
	return shown
}

// code puts the frames into decode order. In a closed GOP the frames before a keyframe are
// coded before it: the last of them becomes an anchor.
func (f *film) code(shown []frame, structure string, pyramid bool, t *rapid.T) {
	if structure == "closed" {
		for i := 1; i < len(shown); i++ {
			shown[i-1].anchor = shown[i-1].anchor || shown[i].key
		}
	}
	last := -1
	for i := range shown {
		if !shown[i].anchor {
			continue
		}
		var refs []int
		if last >= 0 && !shown[i].clean {
			refs = append(refs, shown[last].coded)
		}
		f.add(&shown[i], refs, t)
		f.between(shown, last, i, pyramid, t)
		last = i
	}
}

// between codes the frames between two anchors: one after the other, or the middle first.
func (f *film) between(shown []frame, a, b int, pyramid bool, t *rapid.T) {
	if a < 0 || b-a < 2 {
		return
	}
	mid := a + 1
	if pyramid {
		mid = (a + b) / 2
	}
	f.add(&shown[mid], []int{shown[a].coded, shown[b].coded}, t)
	f.between(shown, a, mid, pyramid, t)
	f.between(shown, mid, b, pyramid, t)
}

func (f *film) add(fr *frame, refs []int, t *rapid.T) {
	fr.coded = len(f.packets)
	f.packets = append(f.packets, split.Packet{
		PTS: fr.pts, Key: fr.key, Clean: fr.clean, Hash: rapid.Uint64().Draw(t, "hash"),
	})
	f.refs = append(f.refs, refs)
}

// edit marks what an edit list cuts off at the head and at the tail.
func (f *film) edit(t *rapid.T) {
	if !rapid.Bool().Draw(t, "edit list") {
		return
	}
	pts := f.shown()
	from := pts[rapid.IntRange(0, len(pts)-1).Draw(t, "first shown")]
	to := pts[rapid.IntRange(0, len(pts)-1).Draw(t, "last shown")]
	if to < from {
		from, to = to, from
	}
	for i := range f.packets {
		f.packets[i].Discard = f.packets[i].PTS < from || f.packets[i].PTS > to
	}
}

// shown returns the presentation times of the frames that are shown.
func (f *film) shown() []int64 {
	var out []int64
	for _, p := range f.packets {
		if !p.Discard {
			out = append(out, p.PTS)
		}
	}
	slices.Sort(out)
	return out
}
