package patch

import (
	"context"
	"fmt"
	"runtime"
)

// Seam is a place where kept frames meet changed ones, and what decoding across it gave.
type Seam struct {
	// At is the number of the first frame behind the seam, in the patched film.
	At int `json:"at"`
	// Decoded are the frames that were decoded: two groups of pictures on either side,
	// as far as there are so many. Kept is how many of them were compared with those of
	// the film before, and were the same.
	Decoded Frames `json:"decoded"`
	Kept    int    `json:"kept"`
	// Problem says what is wrong, "" when nothing is.
	Problem string `json:"problem,omitempty"`
}

// groups is how many groups of pictures are decoded on either side of a seam.
const groups = 2

// checkSeams decodes out around every place where kept frames meet changed ones. The
// decoder must not complain, every frame must come out, and each kept frame must be the
// frame of base that it was. base and out decode what it needs, and what else is wanted of
// each.
func checkSeams(ctx context.Context, base, out *reel, c Comparison) ([]Seam, error) {
	var seams []Seam
	for _, at := range c.seams(out.Film.Frames()) {
		s := Seam{At: at, Decoded: Frames{out.back(at, groups), out.forth(at, groups)}}
		seams = append(seams, s)
		out.want.decode = append(out.want.decode, s.Decoded)
		for _, k := range c.keptIn(s.Decoded) {
			out.want.hash = append(out.want.hash, k.New)
			base.want.hash = append(base.want.hash, k.Old)
			base.want.decode = append(base.want.decode, k.Old)
		}
	}
	if err := decodeAll(ctx, runtime.GOMAXPROCS(0), base, out); err != nil {
		return nil, err
	}
	for i := range seams {
		if err := seams[i].check(ctx, base, out, c); err != nil {
			return nil, err
		}
	}
	return seams, nil
}

// seams lists the places in the new film where something changed: the ends of what was
// kept, save those of the film.
func (c Comparison) seams(frames int) []int {
	var at []int
	for _, ch := range c.Changes {
		for _, n := range []int{ch.New.From, ch.New.To} {
			if n > 0 && n < frames && (len(at) == 0 || at[len(at)-1] != n) {
				at = append(at, n)
			}
		}
	}
	return at
}

// keptIn lists what was kept of some frames of the new film.
func (c Comparison) keptIn(f Frames) (kept []Change) {
	for _, k := range c.Kept {
		both := Frames{max(k.New.From, f.From), min(k.New.To, f.To)}
		if shift := k.Old.From - k.New.From; both.Len() > 0 {
			kept = append(kept, Change{Old: Frames{both.From + shift, both.To + shift}, New: both})
		}
	}
	return kept
}

func (s *Seam) check(ctx context.Context, base, out *reel, c Comparison) error {
	got, err := out.take(ctx, s.Decoded)
	if err != nil || got.problem != "" {
		s.Problem = got.problem
		return err
	}
	for _, k := range c.keptIn(s.Decoded) {
		before, err := base.take(ctx, k.Old)
		if err != nil {
			return err
		}
		if before.problem != "" {
			s.Problem = base.Name + ": " + before.problem
			return nil
		}
		for i := range k.New.Len() {
			if hash := got.hashes[k.New.From+i]; hash == "" || hash != before.hashes[k.Old.From+i] {
				s.Problem = fmt.Sprintf("frame %d is not frame %d of %s any more", k.New.From+i, k.Old.From+i, base.Name)
				return nil
			}
			s.Kept++
		}
	}
	return nil
}

// back returns where the film can be cut n groups before frame i, forth behind it.
func (f *Film) back(i, n int) int {
	for n > 0 && i > 0 {
		if i--; f.cut(i) {
			n--
		}
	}
	return i
}

func (f *Film) forth(i, n int) int {
	for n > 0 && i < f.Frames() {
		if i++; f.cut(i) {
			n--
		}
	}
	return i
}
