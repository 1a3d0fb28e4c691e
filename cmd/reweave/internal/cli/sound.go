package cli

import (
	"context"
	"path/filepath"
	"strconv"

	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

// Whose sound a patched film has: BASE's, packet by packet; that of NEW; or that of NEW with
// the fixes' in their ranges.
const (
	keepSound  = "keep"
	newSound   = "new"
	patchSound = "patch"
)

// soundOf says whose sound the film has; nil for NEW's.
func (p *patching) soundOf(ctx context.Context, cl *client.Client) (*job.Sound, error) {
	switch p.audio {
	case newSound, "":
		return nil, nil
	case patchSound:
		if len(p.fixes) == 0 {
			return nil, fault.Userf("usage", "patch", "--audio patch takes the sound of the files of --range, and there is none", "add --range A-B=FIX, or say --audio new")
		}
		return &job.Sound{Edits: true}, nil
	case keepSound:
	default:
		return nil, noSuchSound(p.audio)
	}
	if p.manifest.Spec.Audio == "none" || len(p.manifest.Plan.Audio) == 0 {
		return nil, fault.Userf("usage", p.name, "it has no sound to keep", "say --audio new")
	}
	if p.file == "" {
		if err := p.fetchBase(ctx, cl); err != nil {
			return nil, err
		}
	}
	in, err := openInput(p.file, nil)
	if err != nil {
		return nil, err
	}
	src, err := sourceFor(ctx, cl, in, p.sharesFiles, p.show)
	return &job.Sound{Source: src, Name: filepath.Base(p.name), Base: p.manifest.SHA256}, err
}

func noSuchSound(way string) error {
	return fault.Userf("usage", "patch", "there is no way "+strconv.Quote(way)+" to patch the sound", "use keep, new or patch")
}
