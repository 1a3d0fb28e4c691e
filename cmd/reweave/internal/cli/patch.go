package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/patch"
	"github.com/reweave/reweave/pkg/plan"
)

// patchFlags are the flags of patch.
type patchFlags struct {
	encodeFlags
	timelineFlags
	source          string
	ranges          []string
	aligned, ripple bool
	rebuild         bool
	audio           string
	sameFlags
	foreign foreignFlags
}

const patchHelp = `Makes of NEW what BASE is: the same settings, the same encoder, and every chunk of BASE
that is still the same. BASE is a deliverable that was made here, or the id of a server's
job. What changed is found by itself, by the packets of NEW. Where none of them are those of BASE's
source, frames that decode to the same pixels are the same: a remux, or a lossless export.
With --same eye, so are frames that come as near to BASE's as --tolerance says. Where packets
are compared, OUT equals, byte for byte, what encoding NEW from scratch gives.

With --range, NEW is the source that BASE was made from (which is known, where it was not
moved), and the frames from A up to, but not including, B are replaced by those of FIX. A
and B are timecodes from 00:00:00:00 (drop-frame with a semicolon), seconds, or frames such
as 1713f. --ranges FILE reads such ranges from a CSV, an EDL or markers of DaVinci Resolve.
What was replaced in BASE before stays, and its files are used again.

With --edl OLD --edl NEW, two EDLs, FCPXML or OpenTimelineIO files, NEW is the new render of
the whole timeline: what the lists show to be the same keeps BASE's chunks, though NEW's
packets may be others, and all else is encoded of NEW. Lists tell timing: grades, effects
and retiming that they don't mention are not seen, unless --verify pixels compares the frames
that the lists take for the same: for a render without loss, or else --verify eye.

Then the patch is proved: the packets that are kept are compared with those of BASE, and
two groups of pictures on either side of every seam are decoded. OUT` + reportSuffix + ` holds
the proof, and OUT` + pageSuffix + ` shows it; reweave verify repeats it. BASE is only read.

With --foreign, BASE is an MP4, MOV, Matroska or WebM that was made elsewhere. Each range
grows to the nearest places where a decoder can change over; what lies between is decoded
from BASE and encoded again. All else of BASE stays as it is, byte for byte; so does its
sound, unless --audio says otherwise.`

func (a *app) patchCommand() *cobra.Command {
	var o patchFlags
	c := &cobra.Command{
		Use:   "patch BASE [--source NEW] [--range A-B=FIX] -o OUT",
		Short: "Make a deliverable from a changed source, encoding only what changed",
		Long:  patchHelp,
		Example: `  reweave patch film.mp4 --source film-v2.mov -o film-v2.mp4
  reweave patch film.mp4 --source film.mov --range 00:01:10:00-00:01:14:12=fix.mov -o film-v2.mp4
  reweave patch film.mp4 --source film-v2.mov --edl film.edl --edl film-v2.edl -o film-v2.mp4
  reweave patch film.mp4 --source film.mov --ranges markers.csv --fix film-v2.mov --aligned -o film-v2.mp4
  reweave patch --foreign master.mp4 --range 00:01:10:00-00:01:14:12=fix.mov -o master-v2.mp4`,
		Args: func(c *cobra.Command, args []string) error {
			rest, _ := o.parted(args)
			return takes("BASE")(c, rest)
		},
		RunE: a.does(func(ctx context.Context, c *cobra.Command, args []string) error {
			args, list := o.parted(args)
			if list != "" {
				o.edl = append(o.edl, list)
			}
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
	f.StringVar(&o.source, "source", "", "the changed source; with --range, the one that BASE was made from (default: where it was then)")
	f.StringArrayVar(&o.ranges, "range", nil, "replace the frames from A up to B by those of a file: A-B=FIX; may be given several times")
	f.BoolVar(&o.aligned, "aligned", false, "each FIX holds the whole film, not the range alone")
	f.BoolVar(&o.ripple, "ripple", false, "each FIX may have another length than its range, and what is behind moves")
	f.BoolVar(&o.rebuild, "rebuild", false, "encode with the encoder that there is, and so every chunk, when BASE's is gone")
	f.StringVar(&o.audio, "audio", "", "whose sound OUT has: keep, that of BASE, packet by packet, where no frame moved; new, that of NEW; patch, that of NEW with the fixes' in their ranges (default new; patch where BASE has it so)")
	o.sameFlags.register(f)
	o.timelineFlags.register(c)
	o.foreign.register(c)
	o.registerPlace(c, a.server)
	return c
}

// patching is one run of patch.
type patching struct {
	*encoding
	*patchFlags
	fixes fixes
	// note is what BASE was made from, where ranges are replaced in it.
	note job.SourceNote
	// name is what the user called BASE; file is its absolute path, "" for a job.
	name, file string
	// digest returns the SHA-256 of file, which is read for it once.
	digest func() (string, error)
	remove func() // drops a base that was fetched
	// film returns BASE's packets, which are read while the job runs.
	film     func() (*patch.Film, error)
	manifest *plan.Manifest // of BASE, and of OUT once there is one
	before   *plan.Manifest // of BASE
	ahead    *ahead
	report   *patch.Report
	page     []byte // the report as a page
	depth    string // at which frames are the same
}

func (a *app) patch(ctx context.Context, c *cobra.Command, base string, o *patchFlags) error {
	p := &patching{name: base, patchFlags: o, remove: func() {}, encoding: &encoding{
		app: a, flags: &o.encodeFlags, begun: time.Now(), show: a.reporter(o.quiet || o.json, o.verbose),
	}}
	p.shape, p.planned, p.prove, p.done, p.codecs = p.like, p.lookAhead, p.proved, p.writeReports, p.encoders
	p.digest = sync.OnceValues(p.readDigest)
	defer func() { p.ahead.stop(); p.remove() }()
	if o.source == "" && len(o.ranges) == 0 && o.list == "" {
		return fault.Userf("usage", "patch", "there is no NEW", "name the changed source: --source NEW")
	}
	if err := o.timelineFlags.check(o.ranges, o.aligned, o.ripple); err != nil {
		return err
	}
	if err := p.findBase(); err != nil {
		return err
	}
	if p.file != "" {
		defer p.readBase(ctx)()
	}
	var err error
	if p.fixes, err = parseFixes(o.ranges); err != nil {
		return err
	}
	p.keepInputs()
	source := o.source
	if len(o.ranges) > 0 || o.list != "" {
		if source, err = p.remembered(ctx, source); err != nil {
			return err
		}
	}
	err = p.run(ctx, c, source, func() error { return p.tell() })
	if o.source == "" {
		err = p.gone(source, err)
	}
	return err
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
	p.before = p.manifest
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
	if spec.Keep, err = p.keepByEDL(p.manifest, p.name, spec.Like.Rate); err != nil {
		return err
	}
	listed, err := p.fixesOf(p.manifest.Frames, p.name, spec.Like.Rate, p.aligned)
	if err != nil {
		return err
	}
	p.fixes = append(p.fixes, listed...)
	for _, f := range listed {
		if err := p.encoding.check(f.input.info); err != nil {
			return err
		}
	}
	if spec.Same, err = p.find(); err != nil {
		return err
	}
	if spec.Sound, err = p.soundOf(ctx, cl); err != nil {
		return err
	}
	if spec.Edits, err = p.allEdits(ctx, cl); err != nil {
		return err
	}
	p.spec = spec
	return nil
}

// find says what the job is to find of BASE by itself.
func (p *patching) find() (*job.Same, error) {
	byHand := ""
	switch {
	case p.keepsByEDL && p.same != "":
		return nil, fault.Userf("usage", "--same "+p.same, "--edl says what is the same", "check what it says with --verify pixels, or --verify eye and --tolerance")
	case p.keepsByEDL && p.checked != "" && p.input.pipe != nil:
		return nil, fault.Userf("usage", "--verify "+p.checked, "NEW is a pipe, which can't be read twice", "write it into a file first")
	case p.keepsByEDL:
		p.depth = "timeline"
		return p.verification(p.checked, p.manifest.SHA256)
	case len(p.fixes) > 0:
		byHand = "--range says what changed"
	case p.input.pipe != nil:
		byHand = "NEW is a pipe, which can't be read twice"
	}
	s, err := p.sameFlags.spec(p.manifest.SHA256, byHand)
	p.depth = packets
	if s != nil {
		p.depth = string(s.Depth)
	}
	return s, err
}

// proved has what is to be OUT proved, which lies at path: that it is BASE but for what the
// report announces.
func (p *patching) proved(ctx context.Context, cl *client.Client, path string) error {
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
		defer p.readBase(ctx)()
	}
	p.show.Note("proving that nothing else changed")
	tool, err := ffmpeg.Find(ctx)
	if err != nil {
		return err
	}
	// The bytes were digested as they came, and the digest was the job's.
	sum := func() (string, error) { return p.job.Output.SHA256, nil }
	film, err := patch.ReadDigested(ctx, tool, path, p.target.Path, sum)
	if err != nil {
		return err
	}
	base, err := p.film()
	if err != nil {
		return err
	}
	r, err := patch.Prove(ctx, tool, base, film, true, p.ahead.wait())
	if err != nil {
		return err
	}
	r.Base.Name, r.Output.Name, r.Same = p.name, filepath.Base(p.target.Path), p.depth
	r.Name(p.manifest)
	r.Audio, r.Sound, r.Cost, p.report = p.audio, p.heard(), p.cost(), r
	if err := r.Check(); err != nil {
		return err
	}
	p.page, err = pageOf(ctx, tool, r, p.file, path)
	return err
}

// patched is what patch --json prints.
type patched struct {
	result
	Changes []patch.Announced `json:"changes"`
	Report  string            `json:"report"`
}

func (p *patching) tell() error {
	r := p.encoding.result(p.target.Path)
	if (p.keepsByEDL || p.list != "") && p.checked == "" {
		r.Notes = append(r.Notes, timingOnly)
	}
	r.Notes = append(r.Notes, p.beyond()...)
	switch {
	case p.flags.json:
		return printObject(p.stdout, patched{result: r, Changes: p.report.Changes, Report: p.target.Path + reportSuffix})
	case p.flags.quiet:
		return nil
	}
	return p.printf("%s%s", r.report(), summary(p.report))
}
