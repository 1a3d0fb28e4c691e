package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/cmd/reweave/internal/deliverable"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/foreign"
	"github.com/reweave/reweave/pkg/patch"
)

// check finds every mistake that can be found before anything is read.
func (g *grafting) check(c *cobra.Command) (base input, err error) {
	if err := g.checkFlags(c); err != nil {
		return base, err
	}
	if base, err = openInput(g.name, nil); err != nil {
		return base, err
	}
	if base.path == "" {
		return base, fault.Userf("bad-input", g.name, "a deliverable that was made elsewhere must be a file here", "fetch it first")
	}
	files := []input{base}
	if g.patchFlags.source != "" {
		in, err := openInput(g.patchFlags.source, nil)
		if err != nil {
			return base, err
		}
		g.source, files = &in, append(files, in)
	}
	if g.fixes, err = parseFixes(g.ranges); err != nil {
		return base, err
	}
	for _, f := range g.fixes {
		files = append(files, f.input)
	}
	for _, in := range files {
		if err := here(in); err != nil {
			return base, err
		}
		if g.target, err = deliverable.CheckIn(g.output, foreignContainers, g.force, in.info); err != nil {
			return base, err
		}
	}
	return base, g.target.Sweep()
}

// here refuses what is no file on this machine.
func here(in input) error {
	if in.path == "" {
		return fault.Userf("bad-input", in.name, "with --foreign a fix must be a file here", "fetch it first")
	}
	return nil
}

// checkFlags refuses flags that mean nothing here, or not together.
func (g *grafting) checkFlags(c *cobra.Command) error {
	bad := func(where, title, hint string) error { return fault.Userf("usage", where, title, hint) }
	if !slices.Contains([]string{"same", "second", "in-band"}, g.foreign.Parameters) {
		return bad("--parameters "+g.foreign.Parameters, "there is no such way", "give same, second or in-band")
	}
	for _, name := range []string{"ripple", "rebuild", "data", "server", "workers", "same", "tolerance"} {
		if c.Flags().Changed(name) {
			return bad("--"+name, "it has no meaning with --foreign, which works on BASE alone and on this machine", "leave it out")
		}
	}
	if !c.Flags().Changed("audio") {
		g.audio = keepSound
	}
	switch wants := len(g.edl) > 0; {
	case g.audio != keepSound && g.audio != newSound && g.audio != patchSound:
		return noSuchSound(g.audio)
	case g.audio == newSound && g.patchFlags.source == "":
		return bad("--audio new", "there is no NEW, whose sound it would be", "name it: --source NEW")
	case g.output == "":
		return bad(c.Name(), "there is no OUT", "name it: -o OUT")
	case len(g.ranges) == 0 && g.list == "" && !wants:
		return bad(c.Name(), "there is nothing to put into BASE", "add --range A-B=FIX")
	case wants && g.patchFlags.source == "":
		return bad("--edl", "there is no NEW, from which what differs is taken", "name the new render: --source NEW")
	case !wants && g.patchFlags.source != "" && g.audio != newSound:
		return bad("--source", "with --foreign it has a meaning only with --edl, which says what of it is new, or --audio new", "leave it out, or name its frames: --range A-B=NEW --aligned")
	}
	return g.timelineFlags.check(g.ranges, g.aligned, false)
}

// replaced are the frames to replace, as all flags together have it.
func (g *grafting) replaced(film *patch.Film) ([]foreign.Fix, error) {
	if len(g.edl) > 0 {
		return g.byEDL(film)
	}
	rate := film.Source.Video.Rate
	listed, err := g.fixesOf(film.Frames(), g.name, rate, g.aligned)
	if err != nil {
		return nil, err
	}
	var all []foreign.Fix
	for _, f := range append(g.fixes, listed...) {
		if err := here(f.input); err != nil {
			return nil, err
		}
		x := foreign.Fix{Path: f.input.path, Name: f.input.name, Aligned: g.aligned}
		if x.Frames.From, err = frameAt(f.from, rate); err == nil {
			x.Frames.To, err = frameAt(f.to, rate)
		}
		if err != nil {
			return nil, fault.Userf("bad-range", f.text, err.Error(), "give timecodes 00:01:10:00, seconds 70.5, or frames 1713f")
		}
		switch n := film.Frames(); {
		case x.Frames.From < 0 || x.Frames.Len() <= 0:
			return nil, fault.Userf("bad-range", f.text, "it is no range", "end it behind its beginning")
		case x.Frames.To > n:
			return nil, fault.Userf("range-past-end", f.text, fmt.Sprintf("%s has %d frames, and the range ends at frame %d", g.name, n, x.Frames.To), "end it at the film's end")
		}
		all = append(all, x)
	}
	return all, nil
}

// byEDL are the frames of BASE that the lists don't show to be the same in NEW, at the
// same place.
func (g *grafting) byEDL(film *patch.Film) (all []foreign.Fix, err error) {
	frames := film.Frames()
	timeline, d, err := g.compared(frames, g.name, film.Source.Video.Rate)
	if err != nil {
		return nil, err
	}
	if timeline.Length != frames {
		return nil, fault.Userf("bad-timeline", g.edl[1], fmt.Sprintf("it is %d frames long, and %s has %d: frames of a deliverable that was made elsewhere can't move", timeline.Length, g.name, frames),
			"encode the new render as a whole")
	}
	at := 0
	changed := func(to int) {
		if to > at {
			all = append(all, foreign.Fix{Frames: patch.Frames{From: at, To: to}, Path: g.source.path, Name: g.source.name, Aligned: true})
		}
	}
	for _, r := range d.Same {
		if r.Old == r.New { // what moved stands elsewhere in BASE
			changed(r.Old)
			at = r.Old + r.N
		}
	}
	changed(frames)
	if len(all) == 0 {
		return nil, fault.Userf("bad-timeline", g.edl[1], "the lists show no change", "what they don't tell, such as a grade, is given by hand: --range A-B=NEW --aligned")
	}
	return all, nil
}
