package timeline

import (
	"fmt"
	"slices"
)

// Frames is a stretch of frames, counted from 0, From included and To not.
type Frames struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Len is the number of frames.
func (f Frames) Len() int { return f.To - f.From }

// Run is a stretch that two films share: N frames from Old on in the one, from New on in
// the other.
type Run struct {
	Old int `json:"old"`
	New int `json:"new"`
	N   int `json:"frames"`
}

// Change is a stretch that one film has in place of one of the other.
type Change struct {
	// Why is replaced, inserted or removed.
	Why string `json:"why"`
	Old Frames `json:"old"`
	New Frames `json:"new"`
}

// Diff is what two films share and what not, in order, without gaps.
type Diff struct {
	Same    []Run
	Changes []Change
}

// Compare tells which frames of two timelines differ, as far as the lists tell. What only
// moved, behind an insertion or a removal, is the same. Frames that are told to be the same
// have equal contents in both; where the lists are too long to find the most that they
// share, more is told to have changed than has.
func Compare(old, new *Timeline) (*Diff, error) {
	if !sameRate(old.Rate, new.Rate) {
		return nil, bad(new.Name, 0, fmt.Sprintf("it runs at %s frames a second, and %s at %s", new.Rate, old.Name, old.Rate), "compare timelines of one rate")
	}
	a, b := atoms(old.pieces(), new.pieces())
	var d Diff
	var o, n int // where the next change would begin
	at := func(all []atom) []int {
		starts := make([]int, len(all)+1)
		for i, x := range all {
			starts[i+1] = starts[i] + x.n
		}
		return starts
	}
	oldAt, newAt := at(a), at(b)
	for _, m := range align(a, b) {
		r := Run{oldAt[m.Old], newAt[m.New], oldAt[m.Old+m.N] - oldAt[m.Old]}
		d.change(Frames{o, r.Old}, Frames{n, r.New})
		if k := len(d.Same); k > 0 && o == r.Old && n == r.New {
			d.Same[k-1].N += r.N
		} else {
			d.Same = append(d.Same, r)
		}
		o, n = r.Old+r.N, r.New+r.N
	}
	d.change(Frames{o, old.Length}, Frames{n, new.Length})
	return &d, nil
}

func (d *Diff) change(old, new Frames) {
	why := "replaced"
	switch {
	case old.Len() == 0 && new.Len() == 0:
		return
	case old.Len() == 0:
		why = "inserted"
	case new.Len() == 0:
		why = "removed"
	}
	d.Changes = append(d.Changes, Change{why, old, new})
}

// atom is n frames that two films share as a whole or not at all.
type atom struct{ of, at, n int }

// mostAtoms bounds how finely films are parted.
const mostAtoms = 1 << 18

// atoms parts the pieces of two films at each other's ends, so that an event that was
// trimmed shares with itself what is left of it.
func atoms(old, new []piece) (a, b []atom) {
	ids := map[string]int{}
	cuts := map[int][]int{}
	for _, p := range slices.Concat(old, new) {
		id, ok := ids[p.Of]
		if !ok {
			id = len(ids)
			ids[p.Of] = id
		}
		cuts[id] = append(cuts[id], p.At, p.At+p.n)
	}
	for id, c := range cuts {
		slices.Sort(c)
		cuts[id] = slices.Compact(c)
	}
	part := func(pieces []piece) (out []atom) {
		for _, p := range pieces {
			id, at, end := ids[p.Of], p.At, p.At+p.n
			i, _ := slices.BinarySearch(cuts[id], at+1)
			for ; at < end; i++ {
				next := cuts[id][i]
				if len(out) > mostAtoms {
					next = end
				}
				out = append(out, atom{id, at, next - at})
				at = next
			}
		}
		return out
	}
	return part(old), part(new)
}

// mostCells bounds the table by which two sequences are aligned, in bytes.
const mostCells = 1 << 26

// align returns the runs of atoms that two films share, so that they have most frames in
// common. Films whose middles are too long for that share their ends alone.
func align(a, b []atom) []Run {
	var runs []Run
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	runs = append(runs, Run{0, 0, head})
	a, b = a[head:len(a)-tail], b[head:len(b)-tail]
	if len(a) > 0 && len(b) > 0 && len(a) <= mostCells/len(b) {
		for _, r := range heaviest(a, b) {
			runs = append(runs, Run{head + r.Old, head + r.New, r.N})
		}
	}
	runs = append(runs, Run{head + len(a), head + len(b), tail})
	return slices.DeleteFunc(runs, func(r Run) bool { return r.N == 0 })
}

// heaviest returns a longest common subsequence, in frames, an atom at a time.
func heaviest(a, b []atom) []Run {
	const both, skipOld, skipNew = 0, 1, 2
	steps := make([]byte, len(a)*len(b)) // from each pair on
	row := make([]int, len(b)+1)         // frames in common from a pair of this row on
	for i := len(a) - 1; i >= 0; i-- {
		diagonal := 0 // of the row below, one further
		for j := len(b) - 1; j >= 0; j-- {
			below := row[j]
			best, step := below, byte(skipOld)
			if row[j+1] > best {
				best, step = row[j+1], skipNew
			}
			if a[i] == b[j] && diagonal+a[i].n >= best {
				best, step = diagonal+a[i].n, both
			}
			steps[i*len(b)+j], row[j], diagonal = step, best, below
		}
	}
	var runs []Run
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch steps[i*len(b)+j] {
		case both:
			runs = append(runs, Run{i, j, 1})
			i, j = i+1, j+1
		case skipOld:
			i++
		default:
			j++
		}
	}
	return runs
}
