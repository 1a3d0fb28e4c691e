package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/cmd/reweave/internal/deliverable"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/foreign"
	"github.com/reweave/reweave/pkg/patch"
)

// foreignFlags are the flags of patch for a deliverable that was made elsewhere.
type foreignFlags struct {
	on bool
	foreign.Options
}

func (o *foreignFlags) register(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&o.on, "foreign", false, "BASE was made elsewhere and has no manifest: put the fixes into it, at its own groups of pictures")
	f.StringVar(&o.Parameters, "parameters", "same", "with --foreign, what may be done where parameter sets differ: same (nothing), second (H.264: a second set), in-band (HEVC)")
	f.StringVar(&o.CRF, "crf", "", "with --foreign, the quality of what is encoded, where BASE doesn't tell it")
	f.StringVar(&o.Preset, "preset", "", "with --foreign, the encoder's preset, where BASE doesn't tell it")
}

// absent refuses what means nothing without --foreign.
func (o *foreignFlags) absent(c *cobra.Command) error {
	for _, name := range []string{"parameters", "crf", "preset"} {
		if c.Flags().Changed(name) {
			return fault.Userf("usage", "--"+name, "it has no meaning without --foreign: a patch has the settings of BASE", "leave it out")
		}
	}
	return nil
}

// foreignContainers are those of deliverables that were made elsewhere.
var foreignContainers = []string{"mp4", "mov", "mkv", "webm"}

// grafting is one run of patch --foreign.
type grafting struct {
	*app
	*patchFlags
	begun  time.Time
	name   string
	target deliverable.Target
	fixes  fixes
}

// graftReport is the report of such a patch: that of any, and what was done.
type graftReport struct {
	*patch.Report
	Splice foreign.Splice `json:"splice"`
}

// graft puts fixes into a deliverable that was made elsewhere. All is done here, in this
// process and its children.
func (a *app) graft(ctx context.Context, c *cobra.Command, name string, o *patchFlags) error {
	g := &grafting{app: a, patchFlags: o, begun: time.Now(), name: name}
	base, err := g.check(c)
	if err != nil {
		return err
	}
	tool, err := ffmpeg.Find(ctx)
	if err != nil {
		return err
	}
	film, err := foreign.Open(ctx, tool, base.path, name)
	if err != nil {
		return err
	}
	defer film.Close()
	if film.Container() != g.target.Container && (film.Container() != "webm" || g.target.Container != "mkv") {
		return fault.Userf("other-container", g.target.Path, fmt.Sprintf("BASE is %s, not %s", film.Container(), g.target.Container), "end OUT in ."+film.Container())
	}
	splice, err := g.write(ctx, film)
	if err != nil {
		return err
	}
	report, err := patch.Prove(ctx, tool, base.path, g.target.Path)
	if err != nil {
		return err
	}
	report.Base.Name, report.Output.Name, report.Same = name, filepath.Base(g.target.Path), "packets"
	problem := report.Check()
	if problem == nil {
		problem = splice.Covers(report)
	}
	report.Proved = problem == nil
	if err := writeReport(graftReport{report, splice}, g.target.Path); err != nil {
		return err
	}
	if err := writePage(ctx, tool, report, base.path, g.target.Path, g.target.Path+pageSuffix); err != nil {
		return err
	}
	if problem != nil {
		return problem
	}
	return g.tell(report, splice)
}

// check finds every mistake that can be found before anything is read.
func (g *grafting) check(c *cobra.Command) (base input, err error) {
	if !slices.Contains([]string{"same", "second", "in-band"}, g.foreign.Parameters) {
		return base, fault.Userf("usage", "--parameters "+g.foreign.Parameters, "there is no such way", "give same, second or in-band")
	}
	for _, name := range []string{"source", "ripple", "rebuild", "data", "server", "workers", "audio", "same", "tolerance", "edl", "ranges", "fix", "start"} {
		if c.Flags().Changed(name) {
			return base, fault.Userf("usage", "--"+name, "it has no meaning with --foreign, which works on BASE alone and on this machine", "leave it out")
		}
	}
	switch {
	case g.output == "":
		return base, fault.Userf("usage", c.Name(), "there is no OUT", "name it: -o OUT")
	case len(g.ranges) == 0:
		return base, fault.Userf("usage", c.Name(), "there is nothing to put into BASE", "add --range A-B=FIX")
	}
	if base, err = openInput(g.name, nil); err != nil {
		return base, err
	}
	if base.path == "" {
		return base, fault.Userf("bad-input", g.name, "a deliverable that was made elsewhere must be a file here", "fetch it first")
	}
	if g.fixes, err = parseFixes(g.ranges); err != nil {
		return base, err
	}
	for _, in := range append([]input{base}, inputs(g.fixes)...) {
		if in.path == "" {
			return base, fault.Userf("bad-input", in.name, "with --foreign a fix must be a file here", "fetch it first")
		}
		if g.target, err = deliverable.CheckIn(g.output, foreignContainers, g.force, in.info); err != nil {
			return base, err
		}
	}
	return base, g.target.Sweep()
}

func inputs(all fixes) []input {
	var out []input
	for _, f := range all {
		out = append(out, f.input)
	}
	return out
}

// write makes OUT.
func (g *grafting) write(ctx context.Context, film *foreign.Film) (splice foreign.Splice, err error) {
	var all []foreign.Fix
	rate := film.Packets().Source.Video.Rate
	for _, f := range g.fixes {
		x := foreign.Fix{Path: f.input.path, Name: f.input.name, Aligned: g.aligned}
		if x.Frames.From, err = frameAt(f.from, rate); err == nil {
			x.Frames.To, err = frameAt(f.to, rate)
		}
		if err != nil {
			return splice, fault.Userf("bad-range", f.text, err.Error(), "give timecodes 00:01:10:00, seconds 70.5, or frames 1713f")
		}
		all = append(all, x)
	}
	dir, err := os.MkdirTemp("", "reweave-patch-*")
	if err != nil {
		return splice, fmt.Errorf("patch BASE: %w", err)
	}
	defer os.RemoveAll(dir)
	err = g.target.Write(deliverable.Want{}, func(w io.Writer) error {
		splice, err = film.Patch(ctx, all, g.foreign.Options, dir, w)
		return err
	})
	return splice, err
}

// grafted is what patch --foreign --json prints.
type grafted struct {
	State       string            `json:"state"`
	Output      string            `json:"output"`
	Frames      int               `json:"frames"`
	Bytes       int64             `json:"bytes"`
	WallSeconds float64           `json:"wall_seconds"`
	Changes     []patch.Announced `json:"changes"`
	Splice      foreign.Splice    `json:"splice"`
	Report      string            `json:"report"`
}

func (g *grafting) tell(r *patch.Report, s foreign.Splice) error {
	if g.json {
		return printObject(g.stdout, grafted{
			"done", g.target.Path, r.Output.Frames, r.Output.Bytes, time.Since(g.begun).Seconds(), r.Changes, s, g.target.Path + reportSuffix,
		})
	}
	var b strings.Builder
	for _, w := range s.Warnings {
		fmt.Fprintf(&b, "  warning  %s\n", w)
	}
	if g.quiet {
		_, err := io.WriteString(g.stderr, b.String())
		return err
	}
	fmt.Fprintf(&b, "  encoded  %s (%s)\n", strings.Join(s.Encoder, " "), s.Way)
	for _, x := range s.Regions {
		fmt.Fprintf(&b, "  grown    frames %d–%d are new; %d of them were decoded from BASE and lose a generation\n", x.Frames.From, x.Frames.To, x.Again)
	}
	return g.printf("%s\n%s%s", g.target.Path, b.String(), summary(r))
}
