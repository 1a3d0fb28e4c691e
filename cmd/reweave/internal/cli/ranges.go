package cli

import (
	"context"
	"fmt"
	"math/big"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/media"
)

// fix is a range of the film that a user replaces, as the command line has it: its ends
// are understood once the frame rate is known.
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
	in, err := openInput(file, nil)
	if err == nil && in.pipe != nil {
		err = fault.Userf("bad-input", file, "a pipe can't be a part of a film", "write it into a file first")
	}
	return fix{text: text, from: from, to: to, input: in}, err
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
			return nil, fault.Userf("bad-range", "--range "+f.text, err.Error(), "give timecodes 00:01:10:00, seconds 70.5, or frames 1713f")
		}
		if ed.Source, err = sourceFor(ctx, cl, f.input, e.sharesFiles, e.show); err != nil {
			return nil, err
		}
		edits = append(edits, ed)
	}
	slices.SortStableFunc(edits, func(a, b job.Edit) int { return a.From - b.From })
	return edits, nil
}

var timecode = regexp.MustCompile(`^(\d+):([0-5]\d):([0-5]\d)([:;])(\d\d+)$`)

// frameAt returns the number of the frame that a time names, at a nominal rate: a timecode
// from 00:00:00:00 (SMPTE ST 12-1; drop-frame with a semicolon), seconds, or "1713f".
func frameAt(text string, rate media.Rational) (int, error) {
	if n, ok := strings.CutSuffix(text, "f"); ok {
		v, err := strconv.Atoi(n)
		if err != nil || v < 0 {
			return 0, fmt.Errorf("%q is no number of frames", text)
		}
		return v, nil
	}
	if m := timecode.FindStringSubmatch(text); m != nil {
		return timecodeAt(m, rate)
	}
	t, ok := new(big.Rat).SetString(strings.TrimSuffix(text, "s"))
	if !ok || t.Sign() < 0 || strings.ContainsAny(text, "/eE") {
		return 0, fmt.Errorf("%q is neither a timecode nor seconds", text)
	}
	t.Mul(t, big.NewRat(rate.Num, rate.Den)).Add(t, big.NewRat(1, 2))
	return int(new(big.Int).Quo(t.Num(), t.Denom()).Int64()), nil // to the nearest frame
}

func timecodeAt(m []string, rate media.Rational) (int, error) {
	var v [5]int
	for i, s := range []string{m[1], m[2], m[3], m[5]} {
		v[i], _ = strconv.Atoi(s) // digits, and few of them
	}
	base := int((rate.Num + rate.Den - 1) / rate.Den) // 30 for 30000/1001
	if v[3] >= base {
		return 0, fmt.Errorf("%s has the frame %d, at %d frames a second", m[0], v[3], base)
	}
	minutes := v[0]*60 + v[1]
	frame := (minutes*60+v[2])*base + v[3]
	if m[4] == ":" {
		return frame, nil
	}
	if rate.Den != 1001 || base%30 != 0 {
		return 0, fmt.Errorf("%s is a drop-frame timecode, which %s has not", m[0], rate)
	}
	drop := base / 15
	if v[2] == 0 && v[3] < drop && minutes%10 != 0 {
		return 0, fmt.Errorf("%s is a timecode that drop-frame counting leaves out", m[0])
	}
	return frame - drop*(minutes-minutes/10), nil
}
