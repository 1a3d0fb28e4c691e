package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/cmd/reweave/internal/deliverable"
	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/patch"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/store"
)

// findBase tells a file from a job's id.
func (p *patching) findBase() error {
	info, err := os.Stat(p.name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && p.flags.server != "" && job.ValidID(p.name):
		return nil
	case errors.Is(err, fs.ErrNotExist) && job.ValidID(p.name):
		return fault.Userf("bad-input", p.name, "there is no such file, and jobs are known on servers alone", "name the deliverable, or a server: --server URL")
	case errors.Is(err, fs.ErrNotExist):
		return fault.Userf("bad-input", p.name, "there is no such file", "name a deliverable that was made here, or the id of a server's job")
	case err != nil:
		return fault.Userf("bad-input", p.name, "BASE can't be looked at: "+cause(err), "")
	case info.IsDir():
		return fault.Userf("bad-input", p.name, "BASE is a directory", "name a deliverable, or the id of a job")
	}
	if p.file, err = filepath.Abs(p.name); err != nil {
		return fault.Userf("bad-input", p.name, cause(err), "")
	}
	p.keep = append(p.keep, info)
	return nil
}

// keepInputs keeps all files that the patch is made of from being written over.
func (p *patching) keepInputs() {
	for _, name := range append([]string{p.list, p.fix}, p.edl...) {
		if info, err := os.Stat(name); err == nil {
			p.keep = append(p.keep, info)
		}
	}
	for _, f := range p.fixes {
		p.keep = append(p.keep, f.input.info)
	}
}

// readBase begins to read BASE's packets, for the proof. film waits for them; stop ends the
// reading where nothing waits any more.
func (p *patching) readBase(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var film *patch.Film
	var g errgroup.Group
	g.Go(func() error { _, err := p.digest(); return err }) // others wait for it soon
	g.Go(func() error {
		tool, err := ffmpeg.Find(ctx)
		if err == nil {
			film, err = patch.ReadDigested(ctx, tool, p.file, p.name, p.digest)
		}
		return err
	})
	p.film = func() (*patch.Film, error) { err := g.Wait(); return film, err }
	return func() { cancel(); _ = g.Wait() }
}

// read fetches BASE's manifest, by the file's digest or the job's id.
func (p *patching) read(ctx context.Context, cl *client.Client) ([]byte, error) {
	if p.file == "" {
		return cl.Manifest(ctx, p.name)
	}
	sum, err := p.digest()
	if err != nil {
		return nil, err
	}
	raw, err := cl.ManifestOf(ctx, sum)
	switch e, _ := errors.AsType[*fault.Error](err); {
	case e == nil:
	case e.Type == "no-such-deliverable":
		return nil, fault.Userf("no-such-deliverable", p.name, "it was not made here, or was changed since: its digest is "+sum[:16]+"…",
			"encode its source here first; a film that was made elsewhere is patched with --foreign")
	case e.Type == "output-damaged":
		return nil, &fault.Error{Class: fault.Permanent, Type: "output-damaged", Where: p.name, Title: "its stored manifest was damaged", Hint: "encode its source again: its chunks are reused"}
	}
	return raw, err
}

// readDigest returns the SHA-256 of BASE, a file.
func (p *patching) readDigest() (sum string, err error) {
	f, err := os.Open(p.file)
	if err != nil {
		return "", fault.Userf("bad-input", p.name, "BASE can't be read: "+cause(err), "")
	}
	defer func() { _ = f.Close() }() // it was only read
	if sum, _, err = store.Digest(f); err != nil {
		return "", fmt.Errorf("read BASE: %w", err)
	}
	return sum, nil
}

// encoders returns those that BASE was made with, where its manifest lies in a data
// directory, so that no others are tried out.
func (p *patching) encoders(dir string) []string {
	if p.file == "" || p.audio == patchSound {
		return nil
	}
	sum, err := p.digest()
	if err != nil {
		return nil
	}
	b, err := embed.Object(dir, store.ManifestKey("", sum))
	if err != nil {
		return nil
	}
	m, err := plan.DecodeManifest(b)
	if err != nil {
		return nil
	}
	names := slices.Collect(maps.Keys(m.Builds))
	if a := m.Spec.Audio; a != "" && a != "none" && a != "copy" && !slices.Contains(names, a) { // a film without sound
		names = append(names, a)
	}
	slices.Sort(names)
	return names
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
	if err := fetch(ctx, cl, j, to, p.show, nil); err != nil {
		return err
	}
	p.digest = func() (string, error) { return j.Output.SHA256, nil } // as which it came
	return nil
}

// remembered returns the source that BASE was made from, as it was noted then, or the one
// that the user names, and notes what was replaced in it.
func (p *patching) remembered(ctx context.Context, named string) (string, error) {
	n, err := p.sourceNote(ctx)
	switch {
	case err != nil && named != "":
		return named, nil // like finds out whether it has edits
	case err != nil:
		return "", fault.Userf("no-known-source", p.name, "it is not known what it was made from", "name its source: --source FILE")
	}
	for _, e := range n.Edits {
		if err := readable(e.Source); err != nil {
			return "", fault.Userf("no-known-source", p.name, "frames of it were made from "+e.Source+", which can't be read any more: "+cause(err),
				"bring that file back; or patch the deliverable that was there before, with all ranges at once")
		}
	}
	if p.note = n; p.audio == "" && n.Sounds {
		p.audio = patchSound
	}
	if named != "" {
		return named, nil
	}
	if err := readable(n.Source); err != nil {
		return "", fault.Userf("no-known-source", p.name, "it was made from "+n.Source+", which can't be read any more: "+cause(err),
			"name where its source is now: --source FILE")
	}
	p.show.Note("of the source " + n.Source)
	return n.Source, nil
}

// readable tells whether a source is there, as far as that is known here.
func readable(source string) error {
	if job.KindOf(source) != job.LocalPath {
		return nil
	}
	_, err := os.Stat(source)
	return err
}

// allEdits returns the edits of BASE's source: those that BASE has, with the ranges.
func (p *patching) allEdits(ctx context.Context, cl *client.Client) ([]job.Edit, error) {
	edits, err := p.edits(ctx, cl, p.fixes, p.manifest, p.aligned, p.ripple)
	if err != nil || len(edits) == 0 {
		return nil, err
	}
	if len(p.note.Edits) != len(p.manifest.Plan.Edits) {
		return nil, fault.Userf("no-known-source", p.name, "it has ranges of other files, and it is not known any more of which",
			"patch the deliverable that it was made of, with all ranges at once")
	}
	if p.ripple && p.audio != patchSound && p.manifest.Spec.Audio != "none" {
		return nil, fault.Userf("ripple-with-audio", "--ripple", "the sound doesn't follow ranges that change the film's length",
			"let the fixes bring theirs: --audio patch; or give the whole film as it is to be: --source NEW, and no ranges")
	}
	if n := len(p.note.Edits); n > 0 {
		p.show.Note(fmt.Sprintf("with the ranges that were replaced in it before: %d", n))
	}
	if p.audio == patchSound && !p.note.Sounds {
		for i := range p.note.Edits {
			p.note.Edits[i].Mute = true
		}
	}
	return job.Compose(p.note.Edits, edits), nil
}

// gone tells that the source that BASE was made from, which nobody named, is not where it
// was, where err says so in the words of one who did.
func (p *patching) gone(source string, err error) error {
	slug, why := "", ""
	if e, ok := errors.AsType[problem](err); ok {
		slug, why = e.Slug(), e.Title
	} else if e, ok := errors.AsType[*fault.Error](err); ok {
		slug, why = e.Type, e.Title
	}
	switch slug {
	case "no-such-upload", "no-upload", "no-object", "no-such-source", "unreadable-source":
		return fault.Userf("no-known-source", p.name, "it was made from "+source+", which can't be read any more: "+why,
			"name where its source is now: --source FILE")
	}
	return err
}

// sourceNote reads what BASE was made from: on a server of its job or its digest, else of
// its digest in the data directory.
func (p *patching) sourceNote(ctx context.Context) (n job.SourceNote, err error) {
	if p.flags.server != "" {
		cl := p.client(p.flags.server)
		if p.file == "" {
			return noteOf(ctx, cl, p.name)
		}
		sum, err := p.digest()
		if err != nil {
			return n, err
		}
		return cl.SourceOf(ctx, sum)
	}
	dir, err := dataDir(p.flags.data)
	if err != nil {
		return n, err
	}
	sum, err := p.digest()
	if err != nil {
		return n, err
	}
	b, err := embed.Object(dir, store.SourceKey("", sum))
	if err != nil {
		return n, err
	}
	return n, json.Unmarshal(b, &n)
}

// noteOf reads what a job's deliverable was made from.
func noteOf(ctx context.Context, cl *client.Client, id string) (n job.SourceNote, err error) {
	j, err := cl.Job(ctx, id)
	if err != nil {
		return n, err
	}
	raw, err := cl.Manifest(ctx, id)
	if err != nil {
		return n, err
	}
	m, err := plan.DecodeManifest(raw)
	if err != nil {
		return n, err
	}
	n, ok := j.Spec.Note(m.Plan.Edits)
	if !ok {
		err = errors.New("it is not kept")
	}
	return n, err
}
