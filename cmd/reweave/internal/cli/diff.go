package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/timeline"
)

func (a *app) diffCommand() *cobra.Command {
	var rate, start string
	var asJSON bool
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Tell which frames differ between two timelines: .edl, .fcpxml or .otio",
		Long: `Compares two CMX3600 lists, FCPXML or OpenTimelineIO files, and prints the ranges of the
film that changed, inserted or removed ones among them: what is behind these only moved.
Record times count from the first record in of an EDL, or from the timeline's beginning.

Lists tell timing. A grade, an effect or retiming that they don't mention is not seen: to
find these, compare the pictures, too: reweave patch --edl OLD --edl NEW --verify pixels.`,
		Example: `  reweave diff film-v1.edl film-v2.edl --rate 25
  reweave diff film-v1.otio film-v2.otio --json`,
		Args: takes("OLD", "NEW"),
		RunE: a.does(func(_ context.Context, _ *cobra.Command, args []string) error {
			o := timeline.Options{Start: start}
			if rate != "" {
				var err error
				if o.Rate, err = timeline.ParseRate(rate); err != nil {
					return fault.Userf("usage", "--rate", err.Error(), "give one such as 25, 29.97 or 30000/1001")
				}
			}
			return a.diff(args, o, asJSON)
		}),
	}
	f := c.Flags()
	f.StringVar(&rate, "rate", "", "frames a second, which an EDL doesn't tell (default: 29.97 for drop-frame lists)")
	f.StringVar(&start, "start", "", "timecode of the film's first frame (default: the timeline's own beginning)")
	f.BoolVar(&asJSON, "json", false, "print the ranges as one JSON object")
	return c
}

// listed is a timeline as diff --json tells of it.
type listed struct {
	Name   string `json:"name"`
	Start  string `json:"start"`
	Frames int    `json:"frames"`
}

// stretch is a range of frames with its timecodes on the record.
type stretch struct {
	timeline.Frames
	Start string `json:"start"`
	End   string `json:"end"`
}

// difference is a change as diff tells of it.
type difference struct {
	Why string  `json:"why"`
	Old stretch `json:"old"`
	New stretch `json:"new"`
}

// differences is what diff --json prints.
type differences struct {
	Old     listed         `json:"old"`
	New     listed         `json:"new"`
	Rate    media.Rational `json:"rate"`
	Changes []difference   `json:"changes"`
	Same    []timeline.Run `json:"same"`
	Note    string         `json:"note"`
}

func (a *app) diff(names []string, o timeline.Options, asJSON bool) error {
	old, new, d, err := timelines(names, o)
	if err != nil {
		return err
	}
	out := differences{
		Old: listed{names[0], old.Text(old.Start), old.Length}, New: listed{names[1], new.Text(new.Start), new.Length},
		Rate: new.Rate, Changes: []difference{}, Same: append([]timeline.Run{}, d.Same...), Note: timingOnly,
	}
	on := func(t *timeline.Timeline, f timeline.Frames) stretch {
		return stretch{f, t.Text(t.Start + f.From), t.Text(t.Start + f.To)}
	}
	for _, c := range d.Changes {
		out.Changes = append(out.Changes, difference{c.Why, on(old, c.Old), on(new, c.New)})
	}
	if asJSON {
		return printObject(a.stdout, out)
	}
	return a.printf("%s", out.lines())
}

// lines tells the differences to people.
func (d differences) lines() string {
	var b strings.Builder
	changed := 0
	for _, c := range d.Changes {
		fmt.Fprintf(&b, "%-8s  ", c.Why)
		switch c.Why {
		case "inserted":
			fmt.Fprintf(&b, "%s, before %s of %s\n", c.New, c.Old.Start, d.Old.Name)
		case "removed":
			fmt.Fprintf(&b, "%s of %s\n", c.Old, d.Old.Name)
		default:
			fmt.Fprintf(&b, "%s, for %s of %s\n", c.New, c.Old, d.Old.Name)
		}
		changed += c.New.Len()
	}
	fmt.Fprintf(&b, "%d of %d frames of %s are other ones than in %s (%d frames)\n", changed, d.New.Frames, d.New.Name, d.Old.Name, d.Old.Frames)
	fmt.Fprintf(&b, "note: %s\n", d.Note)
	return b.String()
}

func (s stretch) String() string {
	return fmt.Sprintf("%s-%s (frames %d to %d)", s.Start, s.End, s.From, s.To)
}
