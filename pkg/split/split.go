// Package split decides where a source is cut. It is pure: packets go in, in decode
// order, and segments come out; reading packets and storing segments is done by
// others.
//
// A boundary is the presentation time of a clean keyframe: one from which decoding
// can begin. A segment owns the frames from its boundary up to the next one in
// presentation time, and carries the packets that are needed to decode them: its
// keyframe and all that follows in decode order, up to the last packet it owns. In
// an open GOP that reaches past the next keyframe, whose leading pictures are shown
// before it and belong to the segment before; so the next segment leaves them out.
//
// Which keyframes become boundaries depends on their content and on what is near them,
// never on their position in the film: behind an insertion the boundaries are the same
// as before, a little later, so that all chunks there are still the same (see [Rule]).
package split

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/media"
)

// Packet is what the cutter knows of one coded packet. Times are in ticks of the
// stream's timebase.
type Packet struct {
	PTS int64
	// Key marks a packet that the container calls a keyframe; Clean one from which
	// decoding really can begin (see [Clean]).
	Key, Clean bool
	// Discard marks a packet that is decoded but not shown (an edit list's).
	Discard bool
	// Hash is a hash of the packet's content. Only those of clean keyframes count.
	Hash uint64
}

// Segment is one piece of the source.
type Segment struct {
	// Carried are the numbers of the packets to decode, in decode order, counted from
	// the first packet of the source.
	Carried []int
	// Ranks are the display ranks of the carried packets, in the same order.
	Ranks []int
	// First is the rank of the first owned frame; len(PTS) frames from it are owned.
	First int
	// PTS are the presentation times of the owned frames, increasing.
	PTS []int64
	// Doubtful says that the source begins in the middle of a GOP: frames at the
	// beginning refer to pictures that are not there, and a decoder may leave them out.
	Doubtful bool
}

// Clip returns the segment that owns the frames from to to of those that s owns, counted
// from 0, to not included. It carries the same packets.
func (s Segment) Clip(from, to int) Segment {
	s.First, s.PTS = s.First+from, s.PTS[from:to]
	return s
}

// candidate is a clean keyframe that may become a boundary.
type candidate struct {
	at    int // packet number
	leads int // how many packets right behind it are shown before it
	pts   int64
	hash  uint64
}

// Cutter cuts one stream of packets. Feed it with Push and end it with Flush.
type Cutter struct {
	rule Rule
	tb   media.Rational

	packets []Packet // since the current segment's keyframe
	base    int      // number of packets[0]
	lead    int      // packets after packets[0] that the segment before owns
	begun   bool     // a boundary was set; until then the first frame is not known for sure
	cands   []candidate
	judged  int        // of cands, those that were found to be no landmarks
	open    *candidate // a keyframe whose leading pictures may still be coming
	begin   int64      // presentation time at which the current segment begins
	maxPTS  int64      // the latest presentation time of a shown packet
	hasMax  bool
}

// New returns a cutter for a stream with timebase tb.
func New(rule Rule, tb media.Rational) *Cutter { return &Cutter{rule: rule, tb: tb} }

// Push takes the next packet in decode order and returns the segments that are
// complete by it.
func (c *Cutter) Push(p Packet) ([]Segment, error) {
	if err := c.check(p); err != nil {
		return nil, err
	}
	n := c.base + len(c.packets)
	c.packets = append(c.packets, p)
	if c.open != nil {
		if p.PTS < c.open.pts {
			c.open.leads++
			if !p.Discard {
				c.see(p.PTS)
			}
			return nil, nil
		}
		c.close()
	}
	if !p.Discard {
		if p.Clean {
			c.offer(n, p)
		}
		c.see(p.PTS)
	}
	return c.cut(false)
}

// see takes note of a shown packet's time. A candidate that is shown after it, though
// other packets stand between, is none.
func (c *Cutter) see(pts int64) {
	if !c.begun && (!c.hasMax || pts < c.begin) {
		c.begin = pts
	}
	if !c.hasMax || pts > c.maxPTS {
		c.maxPTS, c.hasMax = pts, true
	}
	for len(c.cands) > 0 && c.cands[len(c.cands)-1].pts > pts {
		c.cands = c.cands[:len(c.cands)-1]
	}
}

// Flush ends the stream and returns the remaining segments.
func (c *Cutter) Flush() ([]Segment, error) {
	if c.open != nil {
		c.close()
	}
	out, err := c.cut(true)
	if err != nil || len(c.packets) == 0 {
		return out, err
	}
	last, err := c.segment(len(c.packets), math.MaxInt64)
	if err != nil || len(last.PTS) == 0 {
		return out, err
	}
	return append(out, last), nil
}

// Oldest returns the number of the oldest packet that a later segment may carry.
func (c *Cutter) Oldest() int { return c.base }

// check refuses streams whose packets run backwards in time.
func (c *Cutter) check(p Packet) error {
	if p.Key && p.Discard && c.hasMax && p.PTS <= c.maxPTS {
		return fault.Userf("edit-list", "source", "an edit list joins several parts of the source",
			"remux it first, for example with ffmpeg -i IN -c copy -map 0 OUT.mkv, and check its timing")
	}
	if c.begun && !p.Discard && p.PTS < c.begin {
		return brokenTimes(c.base+len(c.packets), fmt.Sprintf(
			"a frame at %d comes after later ones were cut off at %d (timebase %s)", p.PTS, c.begin, c.tb))
	}
	return nil
}

// offer makes a clean keyframe a candidate, unless something shown after it, or at the
// same time, came before it. (What is shown before it and comes later shows in close.)
func (c *Cutter) offer(n int, p Packet) {
	if n == c.base || c.hasMax && p.PTS <= c.maxPTS {
		return
	}
	c.open = &candidate{at: n, pts: p.PTS, hash: p.Hash}
}

func (c *Cutter) close() {
	c.cands = append(c.cands, *c.open)
	c.open = nil
}

func (c *Cutter) seconds(ticks int64) float64 { return float64(ticks) * c.tb.Float() }

// cut emits segments while the rule finds boundaries.
func (c *Cutter) cut(ended bool) ([]Segment, error) {
	var out []Segment
	for {
		chosen := c.rule.choose(c, ended)
		if len(chosen) == 0 {
			return out, nil
		}
		for _, i := range chosen {
			s, err := c.end(c.cands[i])
			if err != nil {
				return out, err
			}
			out = append(out, s)
		}
		c.cands, c.judged = slices.Clone(c.cands[chosen[len(chosen)-1]+1:]), 0
	}
}

// end ends the current segment at a boundary.
func (c *Cutter) end(b candidate) (Segment, error) {
	n := b.at - c.base
	if b.leads > 0 { // they are decoded from the boundary's keyframe
		n += 1 + b.leads
	}
	s, err := c.segment(n, b.pts)
	if err != nil {
		return s, err
	}
	c.packets = slices.Clone(c.packets[b.at-c.base:])
	c.base, c.lead, c.begun, c.begin = b.at, b.leads, true, b.pts
	return s, nil
}

// segment makes the segment of the first n packets that owns what is shown before end.
func (c *Cutter) segment(n int, end int64) (Segment, error) {
	type shown struct {
		pts  int64
		i    int // index into Carried
		own  bool
		rank int
	}
	var order []shown
	var s Segment
	for i, p := range c.packets[:n] {
		if i >= 1 && i <= c.lead {
			continue
		}
		s.Carried = append(s.Carried, c.base+i)
		order = append(order, shown{pts: p.PTS, i: len(order), own: !p.Discard && p.PTS < end})
	}
	s.Doubtful = !c.begun && c.headless()
	slices.SortStableFunc(order, func(a, b shown) int { return cmp.Compare(a.pts, b.pts) })
	s.Ranks = make([]int, len(order))
	for rank, o := range order {
		s.Ranks[o.i] = rank
		if !o.own {
			continue
		}
		if len(s.PTS) == 0 {
			s.First = rank
		}
		if rank != s.First+len(s.PTS) || (len(s.PTS) > 0 && s.PTS[len(s.PTS)-1] == o.pts) {
			return Segment{}, brokenTimes(s.Carried[o.i], fmt.Sprintf(
				"two frames share or swap the presentation time %d (timebase %s)", o.pts, c.tb))
		}
		s.PTS = append(s.PTS, o.pts)
	}
	return s, nil
}

// headless reports whether something is shown before the first clean keyframe is.
func (c *Cutter) headless() bool {
	i := slices.IndexFunc(c.packets, func(p Packet) bool { return p.Clean })
	return i < 0 || slices.ContainsFunc(c.packets, func(p Packet) bool { return !p.Discard && p.PTS < c.packets[i].PTS })
}

func brokenTimes(packet int, what string) error {
	return fault.Userf("broken-timestamps", fmt.Sprintf("source, packet %d", packet), what,
		"remux the source first, for example with mkvmerge or ffmpeg -c copy")
}
