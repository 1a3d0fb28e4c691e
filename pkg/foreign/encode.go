package foreign

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/patch"
	"github.com/reweave/reweave/pkg/recipe"
)

// attempt is a way to encode pictures that fit.
type attempt struct {
	// args are the encoder's options.
	args []string
	// way tells a user what is done; see [Splice].
	way string
}

// piece is a stretch of frames of one film.
type piece struct {
	film   *patch.Film
	frames patch.Frames
}

// recipe tells an encoder of the film's pictures.
func (b *base) recipe() recipe.Recipe {
	return recipe.Recipe{Rate: b.film.Source.Video.Rate, Picture: b.film.Source.Video.Picture}
}

// encode encodes pieces, one behind the other, into a file of the film's own container.
func (b *base) encode(ctx context.Context, tool *ffmpeg.Tool, a attempt, pieces []piece, out string) (*movie, error) {
	return b.encodeFrom(ctx, tool, a, out, func(ctx context.Context, w *os.File) error {
		for _, p := range pieces {
			if err := decode(ctx, tool, p.film, p.frames, b.recipe().Picture.PixFmt, w); err != nil {
				return err
			}
		}
		return nil
	})
}

// trial encodes two frames of nothing, to see what parameters come of the options.
func (b *base) trial(ctx context.Context, tool *ffmpeg.Tool, a attempt, out string) (*movie, error) {
	return b.encodeFrom(ctx, tool, a, out, func(ctx context.Context, w *os.File) error {
		p := b.recipe().Picture
		cmd := tool.Command(ctx, "-f", "lavfi", "-i", fmt.Sprintf("color=gray:size=%dx%d:rate=%s", p.Width, p.Height, b.recipe().Rate),
			"-frames:v", "2", "-f", "rawvideo", "-pix_fmt", p.PixFmt, "pipe:1")
		cmd.Stdout(w)
		return cmd.Run(ctx)
	})
}

// encodeFrom encodes the raw video that fill writes.
func (b *base) encodeFrom(ctx context.Context, tool *ffmpeg.Tool, a attempt, out string, fill func(context.Context, *os.File) error) (*movie, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	args := slices.Concat(b.recipe().Input(), []string{"-i", "pipe:0", "-map", "0:v:0"}, b.recipe().Pictures(), a.args, tool.Passthrough())
	args = append(args, "-map_metadata", "-1", "-fflags", "+bitexact", "-write_tmcd", "0", "-use_editlist", "0", "-strict", "experimental",
		"-f", b.container(), "-y", "file:"+out)
	cmd := tool.Command(ctx, args...)
	cmd.Writes(filepath.Dir(out))
	cmd.GiveStdin(r)
	if err := cmd.Start(); err != nil {
		_ = w.Close()
		return nil, err
	}
	var g errgroup.Group
	g.Go(func() error {
		err := errors.Join(fill(ctx, w), w.Close())
		if err != nil {
			cancel(err)
		}
		return err
	})
	failed := cmd.Wait(ctx)
	if failed != nil {
		cancel(failed) // a decoder may wait for it
	}
	ferr := g.Wait()
	if e, ok := errors.AsType[*fault.Error](failed); ok && e.Type == "ffmpeg-failed" {
		e.Class, e.Type, e.Log = fault.Permanent, "encode-failed", cmd.String()+"\n"+cmd.Log()
		return nil, e
	}
	if failed != nil {
		return nil, failed
	} else if ferr != nil {
		return nil, ferr
	}
	return openMovie(out, "the new frames", 0)
}

// container is the film's container, as ffmpeg's muxers are called.
func (b *base) container() string {
	if len(b.parts) > 0 && b.parts[0].kind == "ftyp" {
		var brand [4]byte
		if _, err := b.file.ReadAt(brand[:], b.parts[0].off+b.parts[0].head); err == nil && string(brand[:]) != "qt  " {
			return "mp4"
		}
	}
	return "mov"
}
