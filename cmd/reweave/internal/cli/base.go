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

	"github.com/reweave/reweave/cmd/reweave/internal/deliverable"
	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/store"
)

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

// read fetches BASE's manifest, by the file's digest or the job's id.
func (p *patching) read(ctx context.Context, cl *client.Client) ([]byte, error) {
	if p.file == "" {
		return cl.Manifest(ctx, p.name)
	}
	sum, err := p.digest()
	if err != nil {
		return nil, err
	}
	return cl.ManifestOf(ctx, sum)
}

// digest returns the SHA-256 of BASE, a file.
func (p *patching) digest() (sum string, err error) {
	if p.sum != "" {
		return p.sum, nil
	}
	f, err := os.Open(p.file)
	if err != nil {
		return "", fault.Userf("bad-input", p.name, "BASE can't be read: "+cause(err), "")
	}
	defer func() { _ = f.Close() }() // it was only read
	if p.sum, _, err = store.Digest(f); err != nil {
		return "", fmt.Errorf("read BASE: %w", err)
	}
	return p.sum, nil
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
	return slices.Sorted(maps.Keys(m.Builds))
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

// remembered returns the source that BASE was made from, as it was noted then.
func (p *patching) remembered(ctx context.Context) (string, error) {
	n, err := p.sourceNote(ctx)
	if err != nil {
		return "", fault.Userf("no-known-source", p.name, "it is not known what it was made from", "name its source: --source FILE")
	}
	if job.KindOf(n.Source) == job.LocalPath {
		if _, err := os.Stat(n.Source); err != nil {
			return "", fault.Userf("no-known-source", p.name, "it was made from "+n.Source+", which can't be read any more: "+cause(err),
				"name where its source is now: --source FILE")
		}
	}
	p.show.Note("of the source " + n.Source)
	return n.Source, nil
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

func (p *patching) sourceNote(ctx context.Context) (n job.SourceNote, err error) {
	if p.flags.server != "" {
		cl := p.client(p.flags.server)
		if p.file == "" {
			j, err := cl.Job(ctx, p.name)
			if err != nil {
				return n, err
			}
			note, ok := j.Spec.Note()
			if !ok {
				err = errors.New("it is not kept")
			}
			return note, err
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
