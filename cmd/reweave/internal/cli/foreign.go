package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/cmd/reweave/internal/deliverable"
	"github.com/reweave/reweave/cmd/reweave/internal/progress"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/foreign"
	"github.com/reweave/reweave/pkg/job"
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
	show   progress.Reporter
	target deliverable.Target
	// source is NEW, where it is given.
	source *input
	fixes  fixes
	splice foreign.Splice
	report *patch.Report
	page   []byte
}

// graft puts fixes into a deliverable that was made elsewhere. All is done here, in this
// process and its children.
func (a *app) graft(ctx context.Context, c *cobra.Command, name string, o *patchFlags) error {
	g := &grafting{app: a, patchFlags: o, begun: time.Now(), name: name, show: a.reporter(o.quiet || o.json, o.verbose)}
	defer g.show.Close()
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
	if err := g.write(ctx, tool, film, base.path); err != nil {
		return err
	}
	if err := writeReport(graftReport{g.report, g.splice}, g.target.Path); err != nil {
		return err
	}
	if err := writePage(g.target.Path+pageSuffix, g.page); err != nil {
		return err
	}
	g.show.Close()
	return g.tell()
}

// prove proves what is to be OUT, which lies at path, and makes the page of it.
func (g *grafting) prove(ctx context.Context, tool *ffmpeg.Tool, film *foreign.Film, base, path string) (err error) {
	g.show.Note("proving that nothing else changed")
	if g.splice.Decoders, err = film.Compare(ctx, path, g.splice); err != nil {
		return err
	}
	if g.report, err = patch.ProveFiles(ctx, tool, base, path, true); err != nil {
		return err
	}
	r := g.report
	r.Base.Name, r.Output.Name, r.Same = g.name, filepath.Base(g.target.Path), "packets"
	if len(g.edl) > 0 {
		r.Same = "timeline"
	}
	chunks := g.chunks()
	r.Sound = g.heard()
	r.Cost = &patch.Cost{Total: chunks.Total, Encoded: chunks.Encoded, Reused: chunks.Reused, EncodeSeconds: g.splice.CPUSeconds, WallSeconds: time.Since(g.begun).Seconds()}
	if err := r.Check(); err != nil {
		return err
	}
	if err := g.splice.Covers(r); err != nil {
		return err
	}
	g.page, err = pageOf(ctx, tool, r, base, path, g.splice.Look()...)
	return err
}

// graftReport is the report of such a patch: that of any, and what was done.
type graftReport struct {
	*patch.Report
	Splice foreign.Splice `json:"splice"`
}

// heard tells whose sound OUT has.
func (g *grafting) heard() string {
	switch {
	case len(g.report.Tracks) == 0:
		return "there is none."
	case g.audio == newSound:
		return "it is that of NEW, packet by packet."
	case g.audio == patchSound:
		return "in the ranges it is that of the fixes, with a fade of 5 ms at each end; each track was encoded anew."
	}
	return "it is BASE's, packet by packet."
}

// chunks counts BASE's groups of pictures, which take the place of chunks.
func (g *grafting) chunks() job.Chunks {
	return job.Chunks{Total: g.splice.Groups, Encoded: g.splice.NewGroups, Reused: g.splice.Groups - g.splice.NewGroups}
}

// write makes OUT.
func (g *grafting) write(ctx context.Context, tool *ffmpeg.Tool, film *foreign.Film, base string) error {
	all, err := g.replaced(film.Packets())
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "reweave-patch-*")
	if err != nil {
		return fmt.Errorf("patch BASE: %w", err)
	}
	defer os.RemoveAll(dir)
	o := g.foreign.Options
	if o.Sound = g.audio; g.source != nil {
		o.NewSound = g.source.path
	}
	o.Progress = func(done, total int) { g.show.Progress(job.Progress{State: job.Encoding, Frames: done, Total: total}) }
	err = g.target.Write(func(w io.Writer) error {
		g.splice, err = film.Patch(ctx, all, o, dir, w)
		return err
	}, func(path string) error { return g.prove(ctx, tool, film, base, path) })
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Type == "no-space" {
		e.Hint = "free some and run the command again" // there are no chunks that it could reuse
	}
	return err
}

// grafted is what patch --foreign --json prints: what any patch does, and how the frames
// were spliced.
type grafted struct {
	patched
	Splice foreign.Splice `json:"splice"`
}

func (g *grafting) tell() error {
	r := g.report
	out := result{
		State: job.Done, Output: g.target.Path, Frames: r.Output.Frames, Duration: float64(r.Output.Frames) / r.Rate.Float(), Chunks: g.chunks(),
		WallSeconds: time.Since(g.begun).Seconds(), EncodeSeconds: g.splice.CPUSeconds, Bytes: r.Output.Bytes, Notes: g.splice.Warnings,
	}
	if len(g.edl) > 0 || g.list != "" {
		out.Notes = append(slices.Clone(out.Notes), timingOnly)
	}
	switch {
	case g.json:
		return printObject(g.stdout, grafted{patched{result: out, Changes: r.Changes, Report: g.target.Path + reportSuffix}, g.splice})
	case g.quiet:
		for _, w := range g.splice.Warnings { // nobody would see them in OUT
			if _, err := fmt.Fprintf(g.stderr, "warning: %s\n", w); err != nil {
				return err
			}
		}
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  encoded  %s (%s)\n", strings.Join(g.splice.Encoder, " "), g.splice.Way)
	for _, x := range g.splice.Regions {
		fmt.Fprintf(&b, "  grown    frames %d–%d are new; %d of them were decoded from BASE and lose a generation\n", x.Frames.From, x.Frames.To, x.Again)
	}
	switch n := len(g.splice.Decoders); {
	case n > 1:
		fmt.Fprintf(&b, "  decoders %s agree on every frame around the seams\n", strings.Join(g.splice.Decoders, " and "))
	default:
		fmt.Fprintf(&b, "  decoders one: this ffmpeg has no second decoder to ask\n")
	}
	return g.printf("%s%s%s", out.report(), b.String(), summary(r))
}
