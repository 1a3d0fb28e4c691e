package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// piece is n frames of a film, from frame in on, of which the first shows a content and
// each one that follows what comes after it.
type piece struct {
	in, n int
	Content
}

// span is an event or a transition.
type span struct {
	in, out, track, order int
	transition            bool
	Content
}

// pieces returns what a film shows from its first frame to its last, all layers together.
// Cuts at which nothing changes are left out.
func (t *Timeline) pieces() []piece {
	spans, cuts := t.spans()
	var all []piece
	var active []span
	for k := 0; k+1 < len(cuts); k++ {
		from, to := cuts[k], cuts[k+1]
		active = slices.DeleteFunc(active, func(s span) bool { return s.out <= from })
		for len(spans) > 0 && spans[0].in <= from {
			active = append(active, spans[0])
			spans = spans[1:]
		}
		all = follow(all, piece{from, to - from, shown(active, from)})
	}
	return all
}

// spans returns the events and transitions in the order in which they begin, and the
// frames at which one begins or ends.
func (t *Timeline) spans() (spans []span, cuts []int) {
	cuts = []int{0, t.Length}
	add := func(s span) {
		if s.in < s.out {
			s.order = len(spans)
			spans, cuts = append(spans, s), append(cuts, s.in, s.out)
		}
	}
	for _, e := range t.Events {
		add(span{in: e.In, out: e.Out, track: e.Track, Content: e.content()})
	}
	for _, x := range t.Transitions {
		of := fmt.Sprintf("transition\x00%s\x00%d\x00%s\x00%d\x00%s\x00%d", x.Kind, x.Out-x.In, x.From.Of, x.From.At, x.To.Of, x.To.At)
		add(span{in: x.In, out: x.Out, track: x.Track, transition: true, Content: Content{Of: of}})
	}
	slices.SortStableFunc(spans, func(a, b span) int { return a.in - b.in })
	slices.Sort(cuts)
	return spans, slices.Compact(cuts)
}

// shown returns what a frame shows, of the spans in which it lies.
func shown(active []span, frame int) Content {
	hidden := map[int]bool{} // tracks whose events a transition stands for
	for _, s := range active {
		hidden[s.track] = hidden[s.track] || s.transition
	}
	var layers []span
	for _, s := range active {
		if s.transition || !hidden[s.track] {
			layers = append(layers, s)
		}
	}
	slices.SortFunc(layers, func(a, b span) int { return cmp.Or(a.track-b.track, a.order-b.order) })
	if len(layers) == 0 {
		return Content{}
	}
	first := layers[0].after(frame - layers[0].in)
	if len(layers) == 1 {
		return first
	}
	var of strings.Builder
	for _, s := range layers { // all of them in step with the lowest
		c := s.after(frame - s.in)
		fmt.Fprintf(&of, "\x01%s\x01%d", c.Of, c.At-first.At)
	}
	return Content{of.String(), first.At}
}

// follow appends a piece, to the last one where it only goes on.
func follow(all []piece, p piece) []piece {
	if n := len(all); n > 0 {
		if last := &all[n-1]; last.Of == p.Of && (last.Of == "" || last.At+last.n == p.At) {
			last.n += p.n
			return all
		}
	}
	return append(all, p)
}
