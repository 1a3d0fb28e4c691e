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

// trial encodes two frames of nothing, to see what parameters come of the options.
func (b *base) trial(ctx context.Context, tool *ffmpeg.Tool, a attempt, out string) (*movie, error) {
	p := b.recipe().Picture
	input := []string{"-f", "lavfi", "-i", fmt.Sprintf("color=gray:size=%dx%d:rate=%s,format=%s", p.Width, p.Height, b.recipe().Rate, p.PixFmt), "-frames:v", "2"}
	cmd := tool.Command(ctx, b.encoder(tool, a, input, out)...)
	cmd.Slow()
	cmd.Writes(filepath.Dir(out))
	if err := cmd.Run(ctx); err != nil {
		return nil, encodeFailed(cmd, err)
	}
	return openMovie(out, "the new frames", 0)
}

// encoder returns ffmpeg's arguments to encode an input.
func (b *base) encoder(tool *ffmpeg.Tool, a attempt, input []string, out string) []string {
	args := slices.Concat(input, []string{"-map", "0:v:0"}, b.recipe().Pictures(), a.args, tool.Passthrough())
	return append(args, "-map_metadata", "-1", "-fflags", "+bitexact", "-write_tmcd", "0", "-use_editlist", "0", "-strict", "experimental",
		"-f", b.format(), "-y", "file:"+out)
}

// encodeFailed makes of what ended an encoder what a user is told.
func encodeFailed(cmd *ffmpeg.Command, err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Type == "ffmpeg-failed" {
		e.Class, e.Type, e.Log = fault.Permanent, "encode-failed", cmd.String()+"\n"+cmd.Log()
	}
	return err
}

// encode encodes pieces, one behind the other, into a file of the film's own container.
func (r *run) encode(ctx context.Context, pieces []piece, out string) (*movie, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	from, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := r.tool.Command(ctx, r.encoder(r.tool, r.attempt, append(r.recipe().Input(), "-i", "pipe:0"), out)...)
	cmd.Slow()
	cmd.Writes(filepath.Dir(out))
	cmd.GiveStdin(from)
	if err := cmd.Start(); err != nil {
		_ = w.Close()
		return nil, err
	}
	var g errgroup.Group
	g.Go(func() error {
		err := errors.Join(r.feed(ctx, pieces, w), w.Close())
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
	r.splice.CPUSeconds += cmd.CPUSeconds()
	if failed != nil {
		return nil, encodeFailed(cmd, failed)
	} else if ferr != nil {
		return nil, ferr
	}
	return openMovie(out, "the new frames", 0)
}

// feed writes the frames of pieces as raw video, and tells of each.
func (r *run) feed(ctx context.Context, pieces []piece, w *os.File) error {
	for _, p := range pieces {
		tell := func(frames int) {
			if r.o.Progress != nil {
				r.o.Progress(r.done+frames, r.total)
			}
		}
		if err := decode(ctx, r.tool, p.film, p.frames, r.recipe().Picture.PixFmt, w, tell); err != nil {
			return err
		}
		r.done += p.frames.Len()
	}
	return nil
}

// container is the extension that names the film's container.
func (b *base) container() string {
	if b.mkv != nil {
		return b.mkv.container()
	}
	parts := b.movie.parts
	if len(parts) > 0 && parts[0].kind == "ftyp" {
		var brand [4]byte
		if _, err := b.file.ReadAt(brand[:], parts[0].off+parts[0].head); err == nil && string(brand[:]) != "qt  " {
			return "mp4"
		}
	}
	return "mov"
}

// format is what new packets are written into before they are spliced, as ffmpeg's muxers
// are called: the film's own container, or one that holds its codec.
func (b *base) format() string {
	switch codec := b.film.Source.Video.Codec; {
	case b.movie != nil:
		return b.container()
	case slices.Contains([]string{"h264", "hevc", "av1", "vp9"}, codec):
		return "mp4"
	}
	return "mov"
}
