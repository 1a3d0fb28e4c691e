// Package patch finds what two deliverables share and proves it.
//
// A deliverable is compared by its coded packets: what is equal bit for bit, group of
// pictures by group of pictures, was kept; all else is new. Nothing else is trusted, so
// that a proof needs no more than the two files.
package patch

import (
	"cmp"
	"slices"
)

// Run is a stretch that two sequences share: N elements from Old on in the one, from New
// on in the other.
type Run struct{ Old, New, N int }

// Align returns the runs that the two sequences share, in order, none of them crossing
// another, and as long as they can be. It anchors on the elements that are there once in
// each (as patience diff does), so that what is common everywhere, such as the packets of
// a black picture, doesn't lead it astray.
func Align[T comparable](old, new []T) []Run {
	a := aligner[T]{old: old, new: new}
	a.between(0, len(old), 0, len(new))
	return join(a.runs)
}

type aligner[T comparable] struct {
	old, new []T
	runs     []Run
}

// between aligns old[o0:o1] with new[n0:n1] and appends the runs in order.
func (a *aligner[T]) between(o0, o1, n0, n1 int) {
	head := 0
	for o0+head < o1 && n0+head < n1 && a.old[o0+head] == a.new[n0+head] {
		head++
	}
	a.add(o0, n0, head)
	o0, n0 = o0+head, n0+head
	tail := 0
	for o1-tail > o0 && n1-tail > n0 && a.old[o1-tail-1] == a.new[n1-tail-1] {
		tail++
	}
	o1, n1 = o1-tail, n1-tail
	anchors := a.anchors(o0, o1, n0, n1)
	for _, p := range anchors { // each ends a stretch, and begins the next one
		a.between(o0, p.Old, n0, p.New)
		o0, n0 = p.Old, p.New
	}
	if len(anchors) > 0 {
		a.between(o0, o1, n0, n1)
	}
	a.add(o1, n1, tail)
}

func (a *aligner[T]) add(o, n, count int) {
	if count > 0 {
		a.runs = append(a.runs, Run{o, n, count})
	}
}

// anchors returns the longest increasing series of the elements that are once in each
// stretch.
func (a *aligner[T]) anchors(o0, o1, n0, n1 int) []Run {
	if o0 == o1 || n0 == n1 {
		return nil
	}
	type seen struct{ old, new, at, in int }
	count := map[T]*seen{}
	for i := o0; i < o1; i++ {
		s := count[a.old[i]]
		if s == nil {
			s = &seen{}
			count[a.old[i]] = s
		}
		s.old, s.at = s.old+1, i
	}
	var both []Run
	for i := n0; i < n1; i++ {
		if s := count[a.new[i]]; s != nil {
			s.new, s.in = s.new+1, i
		}
	}
	for i := n0; i < n1; i++ {
		if s := count[a.new[i]]; s != nil && s.old == 1 && s.new == 1 {
			both = append(both, Run{s.at, i, 1})
		}
	}
	return increasing(both)
}

// increasing returns a longest series of runs, which are in the order of New, whose Old
// increases too.
func increasing(runs []Run) []Run {
	before := make([]int, len(runs))
	var ends []int // ends[k] ends the series of length k+1 whose last Old is least
	for i, r := range runs {
		k, _ := slices.BinarySearchFunc(ends, r.Old, func(e, old int) int { return cmp.Compare(runs[e].Old, old) })
		before[i] = -1
		if k > 0 {
			before[i] = ends[k-1]
		}
		if k == len(ends) {
			ends = append(ends, i)
		} else {
			ends[k] = i
		}
	}
	if len(ends) == 0 {
		return nil
	}
	out := make([]Run, len(ends))
	for i, k := ends[len(ends)-1], len(ends)-1; k >= 0; i, k = before[i], k-1 {
		out[k] = runs[i]
	}
	return out
}

// join makes one run of those that follow each other in both sequences.
func join(runs []Run) []Run {
	var out []Run
	for _, r := range runs {
		if n := len(out); n > 0 && out[n-1].Old+out[n-1].N == r.Old && out[n-1].New+out[n-1].N == r.New {
			out[n-1].N += r.N
			continue
		}
		out = append(out, r)
	}
	return out
}
