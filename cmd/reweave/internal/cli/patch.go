package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/cmd/reweave/internal/deliverable"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/patch"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/store"
)

// patchFlags are the flags of patch.
type patchFlags struct {
	encodeFlags
	source          string
	ranges          []string
	aligned, ripple bool
	rebuild         bool
	foreign         foreignFlags
}

func (a *app) patchCommand() *cobra.Command {
	var o patchFlags
	c := &cobra.Command{
		Use:   "patch BASE --source NEW [--range A-B=FIX] -o OUT",
		Short: "Make a deliverable from a changed source, encoding only what changed",
		Long: `Makes of NEW what BASE is: the same settings, the same encoder, and every chunk of BASE
that is still the same. BASE is a deliverable that was made here, or the id of a job. What
changed is found by itself; OUT equals, byte for byte, what encoding NEW from scratch gives.

With --range, NEW is the source that BASE was made from, and the frames from A up to, but
not including, B are replaced by those of FIX. A and B are timecodes from 00:00:00:00
(drop-frame with a semicolon), seconds, or frames such as 1713f.

Then the patch is proved: the packets that are kept are compared with those of BASE, and
two groups of pictures on either side of every seam are decoded. OUT` + reportSuffix + ` holds
the proof; reweave verify repeats it. BASE is only read.

With --foreign, BASE is an MP4 or MOV that was made elsewhere. Each range grows to the
nearest places where a decoder can change over; what lies between is decoded from BASE and
encoded again. All else of BASE stays as it is, byte for byte.`,
		Example: `  reweave patch film.mp4 --source film-v2.mov -o film-v2.mp4
  reweave patch film.mp4 --source film.mov --range 00:01:10:00-00:01:14:12=fix.mov -o film-v2.mp4
  reweave patch --foreign master.mp4 --range 00:01:10:00-00:01:14:12=fix.mov -o master-v2.mp4`,
		Args: takes("BASE"),
		RunE: a.does(func(ctx context.Context, c *cobra.Command, args []string) error {
			if o.foreign.on {
				return a.graft(ctx, c, args[0], &o)
			}
			if err := o.foreign.absent(c); err != nil {
				return err
			}
			return a.patch(ctx, c, args[0], &o)
		}),
	}
	f := c.Flags()
	f.StringVar(&o.source, "source", "", "the changed source; with --range, the one that BASE was made from")
	f.StringArrayVar(&o.ranges, "range", nil, "replace the frames from A up to B by those of a file: A-B=FIX; may be given several times")
	f.BoolVar(&o.aligned, "aligned", false, "each FIX holds the whole film, not the range alone")
	f.BoolVar(&o.ripple, "ripple", false, "each FIX may have another length than its range, and what is behind moves")
	f.BoolVar(&o.rebuild, "rebuild", false, "encode with the encoder that there is, and so every chunk, when BASE's is gone")
	o.foreign.register(c)
	o.registerPlace(c, a.server)
	return c
}

// patching is one run of patch.
type patching struct {
	*encoding
	*patchFlags
	fixes fixes
	// name is what the user called BASE; file is its absolute path, "" for a job.
	name, file string
	remove     func() // drops a base that was fetched
	manifest   *plan.Manifest
	report     *patch.Report
}

func (a *app) patch(ctx context.Context, c *cobra.Command, base string, o *patchFlags) error {
	p := &patching{name: base, patchFlags: o, remove: func() {}, encoding: &encoding{
		app: a, flags: &o.encodeFlags, begun: time.Now(), show: a.reporter(o.quiet || o.json, o.verbose),
	}}
	p.shape, p.done = p.like, p.made
	defer func() { p.remove() }()
	if o.source == "" {
		return fault.Userf("usage", "patch", "there is no NEW", "name the changed source: --source NEW")
	}
	if len(o.ranges) == 0 && (o.aligned || o.ripple) {
		return fault.Userf("usage", "patch", "--aligned and --ripple say what the files of --range hold, and there is none", "add --range A-B=FIX")
	}
	if err := p.findBase(); err != nil {
		return err
	}
	var err error
	if p.fixes, err = parseFixes(o.ranges); err != nil {
		return err
	}
	return p.run(ctx, c, o.source, func() error { return p.tell() })
}

// findBase tells a file from a job's id.
func (p *patching) findBase() error {
	info, err := os.Stat(p.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fault.Userf("bad-input", p.name, "BASE can't be looked at: "+cause(err), "")
	case info.IsDir():
		return fault.Userf("bad-input", p.name, "BASE is a directory", "name a deliverable, or the id of a job")
	}
	if p.file, err = filepath.Abs(p.name); err != nil {
		return fault.Userf("bad-input", p.name, cause(err), "")
	}
	p.keep = info
	return nil
}

// like asks for what BASE is, of another source.
func (p *patching) like(ctx context.Context, cl *client.Client) error {
	raw, err := p.read(ctx, cl)
	if err != nil {
		return err
	}
	if p.manifest, err = plan.DecodeManifest(raw); err != nil {
		return fault.Userf("bad-manifest", p.name, err.Error(), "encode its source again with this version")
	}
	spec := p.manifest.Spec
	spec.Source, spec.Name = p.spec.Source, p.spec.Name
	spec.Like = &job.Like{Picture: p.manifest.Plan.Recipe.Picture, Rate: p.manifest.Plan.Recipe.Rate}
	if !p.rebuild {
		spec.Builds = p.manifest.Builds
	}
	if p.manifest.Container != p.target.Container {
		return fault.Userf("other-container", p.target.Path, fmt.Sprintf("BASE is %s, not %s", p.manifest.Container, p.target.Container),
			"end OUT in ."+p.manifest.Container)
	}
	if spec.Edits, err = p.edits(ctx, cl, p.fixes, spec.Like.Rate, p.aligned, p.ripple); err != nil {
		return err
	}
	p.spec = spec
	return nil
}

// read fetches BASE's manifest, by the file's digest or the job's id.
func (p *patching) read(ctx context.Context, cl *client.Client) ([]byte, error) {
	if p.file == "" {
		return cl.Manifest(ctx, p.name)
	}
	f, err := os.Open(p.file)
	if err != nil {
		return nil, fault.Userf("bad-input", p.name, "BASE can't be read: "+cause(err), "")
	}
	defer func() { _ = f.Close() }() // it was only read
	sum, _, err := store.Digest(f)
	if err != nil {
		return nil, fmt.Errorf("read BASE: %w", err)
	}
	return cl.ManifestOf(ctx, sum)
}

// made has what the proof needs once the deliverable is in place and its server still
// there: the new manifest, and BASE as a file.
func (p *patching) made(ctx context.Context, cl *client.Client) error {
	raw, err := cl.Manifest(ctx, p.job.ID)
	if err != nil {
		return err
	}
	if p.manifest, err = plan.DecodeManifest(raw); err != nil {
		return err
	}
	if p.file == "" {
		if err := p.fetchBase(ctx, cl); err != nil {
			return err
		}
	}
	tool, err := ffmpeg.Find(ctx)
	if err != nil {
		return err
	}
	p.show.Note("proving that nothing else changed")
	if p.report, err = patch.Prove(ctx, tool, p.file, p.target.Path); err != nil {
		return err
	}
	p.report.Base.Name, p.report.Output.Name, p.report.Same = p.name, filepath.Base(p.target.Path), "packets"
	p.report.Name(p.manifest)
	if err := writeReport(p.report, p.target.Path+reportSuffix); err != nil {
		return err
	}
	return p.report.Check()
}

// fetchBase fetches the deliverable of the job that BASE is into a temporary file.
func (p *patching) fetchBase(ctx context.Context, cl *client.Client) error {
	dir, err := os.MkdirTemp("", "reweave-base-*")
	if err != nil {
		return fmt.Errorf("fetch BASE: %w", err)
	}
	p.remove = func() { _ = os.RemoveAll(dir) }
	j, err := cl.Job(ctx, p.name)
	if err != nil {
		return err
	}
	to, err := deliverable.Check(filepath.Join(dir, "base."+j.Spec.Container), true, nil)
	if err != nil {
		return err
	}
	p.file = to.Path
	return fetch(ctx, cl, j, to, p.show)
}

// patched is what patch --json prints.
type patched struct {
	result
	Changes []patch.Announced `json:"changes"`
	Report  string            `json:"report"`
}

func (p *patching) tell() error {
	r := p.encoding.result(p.target.Path)
	switch {
	case p.flags.json:
		return printObject(p.stdout, patched{result: r, Changes: p.report.Changes, Report: p.target.Path + reportSuffix})
	case p.flags.quiet:
		return nil
	}
	return p.printf("%s%s", r.report(), summary(p.report))
}
