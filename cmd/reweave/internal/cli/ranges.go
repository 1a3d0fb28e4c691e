package cli

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/timeline"
)

// fix is a range of the film that a user replaces, as the command line or the line of a list
// has it: its ends are understood once the frame rate is known.
type fix struct {
	text, from, to string
	input          input
	first, end     int // frames, once they are understood
}

// fixes are the values of --range.
type fixes []fix

// parse reads "A-B=FILE". Neither a time nor a number of frames has a hyphen in it.
func parseFix(text string) (fix, error) {
	span, file, ok := strings.Cut(text, "=")
	from, to, two := strings.Cut(span, "-")
	if !ok || !two || from == "" || to == "" || file == "" {
		return fix{}, fault.Userf("bad-range", "--range "+text, "it is no range", "give A-B=FILE, such as 00:01:10:00-00:01:14:12=fix.mov")
	}
	in, err := openFix(file)
	return fix{text: "--range " + text, from: from, to: to, input: in}, err
}

// openFix finds out what replaces a range.
func openFix(file string) (input, error) {
	in, err := openInput(file, nil)
	if err == nil && in.pipe != nil {
		err = fault.Userf("bad-input", file, "a pipe can't be a part of a film", "write it into a file first")
	}
	return in, err
}

func parseFixes(texts []string) (fixes, error) {
	var all fixes
	for _, t := range texts {
		f, err := parseFix(t)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// edits makes the Spec's edits of the ranges of a deliverable, and puts both in order; their files are
// made reachable for the server.
func (e *encoding) edits(ctx context.Context, cl *client.Client, all fixes, m *plan.Manifest, aligned, ripple bool) ([]job.Edit, error) {
	var edits []job.Edit
	for i := range all {
		f := &all[i]
		var err error
		if f.first, err = frameAt(f.from, m.Plan.Recipe.Rate); err == nil {
			f.end, err = frameAt(f.to, m.Plan.Recipe.Rate)
		}
		if err != nil {
			return nil, fault.Userf("bad-range", f.text, err.Error(), "give timecodes 00:01:10:00, seconds 70.5, or frames 1713f")
		}
	}
	slices.SortStableFunc(all, func(a, b fix) int { return cmp.Or(a.first-b.first, a.end-b.end) })
	if err := all.check(m.Frames, ripple); err != nil {
		return nil, err
	}
	for _, f := range all {
		ed := job.Edit{From: f.first, To: f.end, Name: filepath.Base(f.input.name), Aligned: aligned, Ripple: ripple}
		var err error
		if ed.Source, err = sourceFor(ctx, cl, f.input, e.sharesFiles, e.show); err != nil {
			return nil, err
		}
		edits = append(edits, ed)
	}
	return edits, nil
}

// check refuses ranges of a film of n frames that are none, or that overlap.
func (all fixes) check(n int, ripple bool) error {
	end, before := 0, ""
	for _, f := range all {
		bad := func(title, hint string) error { return fault.Userf("bad-range", f.text, title, hint) }
		switch {
		case f.end < f.first:
			return bad(fmt.Sprintf("frame %d comes before frame %d", f.end, f.first), "end it behind its beginning")
		case f.end == f.first && !ripple:
			return bad("it replaces no frame", "name frames to replace, or insert some: --ripple")
		case f.end > n:
			return fault.Userf("range-past-end", f.text, fmt.Sprintf("it replaces frames up to %d of a film that has %d", f.end, n), "end it at the film's end")
		case f.first < end:
			return bad(fmt.Sprintf("it begins at frame %d, before frame %d, where %s ends", f.first, end, before), "set the ranges apart from each other")
		}
		end, before = f.end, f.text
	}
	return nil
}

// frameAt returns the number of the frame that a time names, at a nominal rate: a timecode
// from 00:00:00:00, seconds, or "1713f".
func frameAt(text string, rate media.Rational) (int, error) {
	n, _, err := timeline.Point(text, rate)
	return n, err
}

// beyond tells of changes that no range asked for: then the source is not the one that BASE
// was made from. What is changed of BASE lies in the chunks that a range touches.
func (p *patching) beyond() (notes []string) {
	if len(p.fixes) == 0 {
		return nil
	}
	for _, ch := range p.report.Changes {
		from := ch.Old.From // what is before is asked for
		for _, c := range p.before.Chunks {
			for _, f := range p.fixes {
				if c.Start <= from && f.first <= c.Start+c.Frames && c.Start <= f.end {
					from = max(from, c.Start+c.Frames)
				}
			}
		}
		if from < ch.Old.To {
			notes = append(notes, fmt.Sprintf("frames %d to %d of BASE changed, too, and no range names them: it was made from another source", from, ch.Old.To))
		}
	}
	return notes
}
