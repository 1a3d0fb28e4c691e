package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/timeline"
)

// timingOnly is what whoever compares lists must know.
const timingOnly = "lists tell timing: grades, effects and retiming that they don't mention are not seen; " +
	"reweave patch BASE --source NEW --edl OLD --edl NEW --verify pixels compares the pictures, too"

// timelineFlags are the flags of patch by which lists tell what changed.
type timelineFlags struct {
	edl        []string
	list, fix  string
	start      string
	checked    string // the depth at which what they take for the same is compared
	keepsByEDL bool   // the frames to keep were found by lists
}

func (o *timelineFlags) register(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&o.edl, "edl", nil, "timelines of BASE and of NEW, the new render, as --edl OLD --edl NEW: .edl, .fcpxml or .otio; what differs is taken from NEW")
	f.StringVar(&o.checked, "verify", "", "decode what --edl takes for the same, and encode what is not: pixels, or eye with --tolerance")
	f.StringVar(&o.list, "ranges", "", "replace the ranges that a CSV, an EDL or markers of DaVinci Resolve name")
	f.StringVar(&o.fix, "fix", "", "file for the ranges of --ranges that name none")
	f.StringVar(&o.start, "start", "", "timecode of BASE's first frame in lists (default: the timeline's own beginning; 00:00:00:00 with --ranges)")
}

// parted parts the arguments from the second list, where it was given as --edl OLD NEW.
func (o *timelineFlags) parted(args []string) (rest []string, list string) {
	if len(o.edl) != 1 || len(args) != 2 {
		return args, ""
	}
	for i, a := range args {
		if timeline.KindOf(a, nil) != timeline.KindTable {
			return args[1-i : 2-i], a
		}
	}
	return args, ""
}

// check refuses what has no meaning together; ranges, aligned and ripple are those of
// --range.
func (o *timelineFlags) check(ranges []string, aligned, ripple bool) error {
	bad := func(where, title, hint string) error { return fault.Userf("usage", where, title, hint) }
	switch {
	case len(o.edl) == 1 || len(o.edl) > 2:
		return bad("--edl", fmt.Sprintf("it is given %d times", len(o.edl)), "give it twice: --edl OLD.edl --edl NEW.edl")
	case len(o.edl) == 2 && (len(ranges) > 0 || o.list != "" || aligned || ripple):
		return bad("--edl", "it says by itself what changed", "leave out --range, --ranges, --aligned and --ripple")
	case o.checked != "" && len(o.edl) == 0:
		return bad("--verify", "it checks what --edl takes for the same, and there is none", "compare the films themselves with --same "+o.checked)
	case o.fix != "" && o.list == "":
		return bad("--fix", "it is for the ranges of --ranges, and there are none", "add --ranges FILE")
	case o.start != "" && o.list == "" && len(o.edl) == 0:
		return bad("--start", "it is for lists, and there is none", "leave it out, or add --edl or --ranges")
	case o.list == "" && len(ranges) == 0 && (aligned || ripple):
		return bad("patch", "--aligned and --ripple say what the files of --range hold, and there is none", "add --range A-B=FIX")
	case aligned && ripple:
		return bad("--aligned", "a file of the whole film has the film's length, and --ripple changes it", "leave out one of them")
	case o.start != "" && !timeline.IsTimecode(o.start):
		return bad("--start", fmt.Sprintf("%q is no timecode", o.start), "give one such as 01:00:00:00")
	}
	for _, file := range append(o.edl, o.list) { // before anything starts
		if _, err := readList(file); file != "" && err != nil {
			return err
		}
	}
	return nil
}

// longestList bounds how large a list may be, in bytes.
const longestList = 256 << 20

// readList reads a list; of a bundle of Final Cut Pro, the project in it.
func readList(name string) ([]byte, error) {
	bad := func(title string) error {
		return fault.Userf("bad-input", name, title, "name a list: .edl, .fcpxml, .fcpxmld, .otio or .csv")
	}
	path := name
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		path = filepath.Join(name, "Info.fcpxml")
	}
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, bad("there is no such file")
	case err != nil:
		return nil, bad("the file can't be read: " + cause(err))
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := io.ReadAll(io.LimitReader(f, longestList+1))
	switch {
	case err != nil:
		return nil, bad("the file can't be read: " + cause(err))
	case len(b) > longestList:
		return nil, bad("it is too large for a list")
	}
	return b, nil
}

// timelines reads two timelines and compares them.
func timelines(names []string, o timeline.Options) (old, new *timeline.Timeline, d *timeline.Diff, err error) {
	var both [2]*timeline.Timeline
	var kinds [2]timeline.Kind
	for i, name := range names {
		b, err := readList(name)
		if err != nil {
			return nil, nil, nil, err
		}
		kinds[i] = timeline.KindOf(name, b)
		if both[i], err = timeline.Read(name, b, o); err != nil {
			return nil, nil, nil, err
		}
	}
	if kinds[0] != kinds[1] {
		return nil, nil, nil, fault.Userf("bad-timeline", names[1], fmt.Sprintf("it is %s, and %s is %s, which name their sources otherwise", kinds[1], names[0], kinds[0]), "export both timelines in one format")
	}
	d, err = timeline.Compare(both[0], both[1])
	return both[0], both[1], d, err
}

// keepByEDL makes of the two timelines what is to be kept of BASE, nil without --edl.
func (o *timelineFlags) keepByEDL(m *plan.Manifest, base string, rate media.Rational) (*job.Keep, error) {
	if len(o.edl) == 0 {
		return nil, nil
	}
	new, d, err := o.compared(m.Frames, base, rate)
	if err != nil {
		return nil, err
	}
	o.keepsByEDL = true
	k := &job.Keep{Base: m.SHA256, Frames: new.Length}
	for _, r := range d.Same {
		k.Runs = append(k.Runs, job.KeepRun{Old: r.Old, New: r.New, Frames: r.N})
	}
	return k, nil
}

// compared compares the two timelines, of which the old one is that of BASE, which has so
// many frames.
func (o *timelineFlags) compared(frames int, base string, rate media.Rational) (*timeline.Timeline, *timeline.Diff, error) {
	old, new, d, err := timelines(o.edl, timeline.Options{Rate: rate, Start: o.start})
	if err != nil {
		return nil, nil, err
	}
	if old.Length != frames {
		return nil, nil, fault.Userf("bad-timeline", o.edl[0], fmt.Sprintf("it is %d frames long, from %s to %s, and %s has %d", old.Length, old.Text(old.Start), old.Text(old.Start+old.Length), base, frames),
			"give the timeline that BASE was made of; if it begins before its first event, say where: --start TIMECODE")
	}
	if new.Length == 0 {
		return nil, nil, fault.Userf("bad-timeline", o.edl[1], "it is empty", "give the timeline that NEW was rendered from")
	}
	return new, d, nil
}

// fixesOf makes of the ranges of --ranges what --range would have given. Files are looked
// for beside the list. frames is how many BASE has.
func (o *timelineFlags) fixesOf(frames int, base string, rate media.Rational, aligned bool) (fixes, error) {
	if o.list == "" {
		return nil, nil
	}
	b, err := readList(o.list)
	if err != nil {
		return nil, err
	}
	ranges, err := timeline.Ranges(o.list, b, timeline.Options{Rate: rate, Start: o.start})
	if err != nil {
		return nil, err
	}
	var all fixes
	for _, r := range ranges {
		where := fmt.Sprintf("%s:%d", o.list, r.Line)
		if r.To > frames {
			return nil, fault.Userf("bad-timeline", where, fmt.Sprintf("it ends with frame %d of %s, which has %d", r.To, base, frames),
				"if the timeline doesn't begin at 00:00:00:00, say where: --start 01:00:00:00")
		}
		file := o.fix
		if r.File != "" {
			file = r.File
			if !filepath.IsAbs(file) && !strings.Contains(file, "://") {
				file = filepath.Join(filepath.Dir(o.list), file)
			}
		} else if file != "" && !aligned && len(ranges) > 1 {
			return nil, fault.Userf("usage", "--fix", fmt.Sprintf("one file can't hold each of %d ranges alone", len(ranges)), "if it holds the whole film, add --aligned; else name files in a column fix")
		}
		if file == "" {
			return nil, fault.Userf("bad-timeline", where, "nothing says what replaces it", "name a file in a column fix, or give the whole film: --fix NEW --aligned")
		}
		in, err := openFix(file)
		if err != nil {
			return nil, err
		}
		all = append(all, fix{text: where, from: fmt.Sprintf("%df", r.From), to: fmt.Sprintf("%df", r.To), input: in})
	}
	return all, nil
}
