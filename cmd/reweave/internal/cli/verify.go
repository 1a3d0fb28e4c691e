package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/foreign"
	"github.com/reweave/reweave/pkg/patch"
)

// What the names of a patch's report and of its page add to that of the deliverable.
const reportSuffix, pageSuffix = ".patch.json", ".patch.html"

func (a *app) verifyCommand() *cobra.Command {
	var base, report, page string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify OUT --against BASE",
		Short: "Prove what a patch changed, and that it changed nothing else",
		Long: `Compares the packets of OUT with those of BASE, lists what is kept and what is new, and
decodes two groups of pictures on either side of every seam. It reads the two files and
nothing else; when OUT` + reportSuffix + ` is there, every change must be announced in it, and
the sound be what it says. Without a report, what differs is told, and is no mistake.

The exit code is 0 when the patch is proved, 1 when it is not, and 2 when it can't be: a file
can't be read, or BASE is another than the report tells of. To follow a chain of patches back
to an older BASE, leave the report out: --report none.`,
		Args: takes("OUT"),
		RunE: a.does(func(ctx context.Context, _ *cobra.Command, args []string) error {
			if base == "" {
				return fault.Userf("usage", "verify", "there is no BASE", "name it: --against BASE")
			}
			return a.verify(ctx, args[0], base, report, page, asJSON)
		}),
	}
	f := c.Flags()
	f.StringVar(&base, "against", "", "the deliverable that was patched")
	f.StringVar(&report, "report", "", "report of the patch, or none (default: OUT"+reportSuffix+", if it is there)")
	f.StringVar(&page, "html", "", "write the proof as a page, too")
	f.BoolVar(&asJSON, "json", false, "print the proof as JSON")
	return c
}

func (a *app) verify(ctx context.Context, out, base, report, page string, asJSON bool) error {
	for _, file := range []string{out, base} {
		if _, err := os.Stat(file); err != nil {
			return fault.Userf("bad-input", file, "the file can't be read: "+cause(err), "")
		}
	}
	if err := notOver(page, out, base); err != nil {
		return err
	}
	announced, err := readReport(out, report)
	if err != nil {
		return err
	}
	tool, err := ffmpeg.Find(ctx)
	if err != nil {
		return err
	}
	found, err := patch.ProveFiles(ctx, tool, base, out, page != "")
	if err != nil {
		return err
	}
	err = found.Check()
	if err == nil && announced != nil {
		err = announced.Covers(found)
	}
	found.Proved = err == nil
	if page != "" {
		shown, look := announced.page(found)
		b, err := pageOf(ctx, tool, shown, base, out, look...)
		if err == nil {
			err = writePage(page, b)
		}
		if err != nil {
			return err
		}
	}
	if asJSON {
		return errors.Join(a.printJSON(found), err)
	}
	return errors.Join(a.printf("%s", summary(found)), err)
}

// noReport is what --report says where none is wanted.
const noReport = "none"

// readReport reads the report that was named, or the one beside OUT if it is there.
func readReport(out, name string) (*graftReport, error) {
	if name == noReport {
		return nil, nil
	}
	path := name
	if path == "" {
		path = out + reportSuffix
	}
	b, err := os.ReadFile(path)
	if name == "" && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Userf("bad-input", path, "the report can't be read: "+cause(err), "")
	}
	r, err := patch.DecodeReport(b)
	if err != nil {
		return nil, fault.Userf("bad-input", path, err.Error(), "leave it out: --report none; or make the patch again")
	}
	g := &graftReport{Report: r}
	spliced := struct {
		Splice *foreign.Splice `json:"splice"`
	}{&g.Splice} // only patches of deliverables that were made elsewhere have one
	if err := json.Unmarshal(b, &spliced); err != nil {
		return nil, fault.Userf("bad-input", path, "read report: "+err.Error(), "leave it out: --report none; or make the patch again")
	}
	return g, nil
}

// page returns what the page of a proof shows, and what a person must look at: what the patch
// itself told stands there as it does on its own page.
func (g *graftReport) page(found *patch.Report) (*patch.Report, []string) {
	if g == nil {
		return found, nil
	}
	shown := *found
	shown.Same, shown.Sound, shown.Cost = g.Same, g.Sound, g.Cost
	shown.Changes = slices.Clone(found.Changes)
	for i, ch := range shown.Changes {
		for _, a := range g.Changes {
			if a.Change == ch.Change {
				shown.Changes[i].Chunks = a.Chunks
			}
		}
	}
	return &shown, g.Splice.Look()
}

// summary tells of a proof in a few lines.
func summary(r *patch.Report) string {
	var b strings.Builder
	kept := 0
	for _, k := range r.Kept {
		kept += k.New.Len()
	}
	fmt.Fprintf(&b, "  kept     %d of %d frames, bit for bit\n", kept, r.Output.Frames)
	for _, ch := range r.Changes {
		fmt.Fprintf(&b, "  %-8s frames %d–%d (%.3f s to %.3f s), before: %s\n", ch.Why, ch.New.From, ch.New.To, ch.Start, ch.End, framesOf(ch.Old))
	}
	ok := 0
	for _, s := range r.Seams {
		if s.Problem == "" {
			ok++
		}
	}
	fmt.Fprintf(&b, "  seams    %d of %d decode without a fault\n", ok, len(r.Seams))
	for _, t := range r.Tracks {
		name := t.Kind
		if name == patch.KindSubtitles {
			name = "subtitle"
		}
		fmt.Fprintf(&b, "  %-8s track %d (%s): %s\n", name, t.Number, t.What, t.State())
	}
	return b.String()
}

func framesOf(f patch.Frames) string {
	if f.Len() == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%d–%d", f.From, f.To)
}
