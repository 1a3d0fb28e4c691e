package cli

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/timeline"
)

// fix is a range of the film that a user replaces, as the command line or the line of a list
// has it: its ends are understood once the frame rate is known.
type fix struct {
	text, from, to string
	input          input
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

// edits makes the Spec's edits of the ranges, in order; their files are made reachable for
// the server.
func (e *encoding) edits(ctx context.Context, cl *client.Client, all fixes, rate media.Rational, aligned, ripple bool) ([]job.Edit, error) {
	var edits []job.Edit
	for _, f := range all {
		ed := job.Edit{Name: filepath.Base(f.input.name), Aligned: aligned, Ripple: ripple}
		var err error
		if ed.From, err = frameAt(f.from, rate); err == nil {
			ed.To, err = frameAt(f.to, rate)
		}
		if err != nil {
			return nil, fault.Userf("bad-range", f.text, err.Error(), "give timecodes 00:01:10:00, seconds 70.5, or frames 1713f")
		}
		if ed.Source, err = sourceFor(ctx, cl, f.input, e.sharesFiles, e.show); err != nil {
			return nil, err
		}
		edits = append(edits, ed)
	}
	slices.SortStableFunc(edits, func(a, b job.Edit) int { return a.From - b.From })
	return edits, nil
}

// frameAt returns the number of the frame that a time names, at a nominal rate: a timecode
// from 00:00:00:00, seconds, or "1713f".
func frameAt(text string, rate media.Rational) (int, error) {
	n, _, err := timeline.Point(text, rate)
	return n, err
}
