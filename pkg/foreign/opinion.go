package foreign

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/patch"
)

// decoders are ffmpeg's decoders by codec that were written apart from each other and must
// give the same frames. Those for hardware are left out, and those that can't decode all
// of a codec.
var decoders = map[string][]string{
	"av1": {"libdav1d", "libaom-av1"},
	"vp9": {"vp9", "libvpx-vp9"},
}

// around is how many frames on either side of a region are decoded, too.
const around = 48

// Compare decodes out, the film that the splice made, around its regions with every decoder
// of the codec that this ffmpeg has, and returns their names; with fewer than two there is
// nothing to compare. An error says where they differ.
func (f *Film) Compare(ctx context.Context, out string, s Splice) ([]string, error) {
	known, err := f.known(ctx)
	if err != nil || len(known) < 2 {
		return known, err
	}
	for _, g := range s.Regions {
		want := patch.Frames{From: max(0, g.Frames.From-around), To: min(f.b.film.Frames(), g.Frames.To+around)}
		first, err := f.hashes(ctx, out, known[0], want)
		if err != nil {
			return nil, err
		}
		for _, name := range known[1:] {
			other, err := f.hashes(ctx, out, name, want)
			if err != nil {
				return nil, err
			}
			if len(first) != want.Len() || !slices.Equal(first, other) {
				return nil, &fault.Error{
					Class: fault.Permanent, Type: "patch-not-proved", Where: fmt.Sprintf("%s, frames %d to %d", out, want.From, want.To-1),
					Title: fmt.Sprintf("the decoders %s and %s give %d and %d frames, which are not the same", known[0], name, len(first), len(other)),
				}
			}
		}
	}
	return known, nil
}

// known returns the decoders of the film's codec that this ffmpeg has.
func (f *Film) known(ctx context.Context) ([]string, error) {
	all := decoders[f.b.film.Source.Video.Codec]
	if len(all) == 0 {
		return nil, nil
	}
	cmd := f.tool.Command(ctx, "-decoders")
	var list bytes.Buffer
	cmd.Stdout(&list)
	if err := cmd.Run(ctx); err != nil {
		return nil, fmt.Errorf("ask for decoders: %w", err)
	}
	var known []string
	for line := range strings.Lines(list.String()) {
		if words := strings.Fields(line); len(words) > 1 && slices.Contains(all, words[1]) {
			known = append(known, words[1])
		}
	}
	return known, nil
}

// hashes decodes frames with a decoder.
func (f *Film) hashes(ctx context.Context, path, decoder string, want patch.Frames) ([]string, error) {
	from, to := between(f.b.film, want)
	args := append(ffmpeg.Safe(), "-copyts", "-noautorotate", "-seek_timestamp", "1", "-c:v", decoder)
	if from > preroll {
		args = append(args, "-ss", seconds(from-preroll))
	}
	args = append(args, "-i", "file:"+path, "-map", "0:"+strconv.Itoa(f.b.film.Source.Video.Index), "-vf", fmt.Sprintf("trim=start=%s:end=%s", seconds(from), seconds(to)))
	args = append(append(args, f.tool.Passthrough()...), "-pix_fmt", f.b.film.Source.Video.Picture.PixFmt, "-f", "framehash", "-hash", "murmur3", "pipe:1")
	cmd := f.tool.Command(ctx, args...)
	cmd.Reads(path)
	var text bytes.Buffer
	cmd.Stdout(&text)
	if err := cmd.Run(ctx); err != nil {
		return nil, fmt.Errorf("decode with %s: %w", decoder, err)
	}
	var out []string
	for line := range strings.Lines(text.String()) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimSpace(line[strings.LastIndexByte(line, ',')+1:]))
		}
	}
	return out, nil
}
