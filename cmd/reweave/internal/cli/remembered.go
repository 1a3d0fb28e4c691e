package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/store"
)

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

func (p *patching) sourceNote(ctx context.Context) (n job.SourceNote, err error) {
	if p.flags.server != "" {
		cl := p.client(p.flags.server)
		if p.file == "" {
			j, err := cl.Job(ctx, p.name)
			if err != nil {
				return n, err
			}
			n, ok := j.Spec.Note()
			if !ok {
				err = errors.New("it is not kept")
			}
			return n, err
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
