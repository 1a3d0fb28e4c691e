package foreign

import (
	"context"
	"slices"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/patch"
)

// base is the deliverable that is patched.
type base struct {
	*track
	film *patch.Film
	// movie or mkv is the file that the track lies in.
	movie *movie
	mkv   *mkv
	// at are the samples of the film's packets, in decode order; hidden is how many
	// samples are shown before the film's first frame, which an edit list hides.
	at     []int
	hidden int
	// order are the samples in order of display.
	order []int
}

// openBase reads a deliverable.
func openBase(ctx context.Context, tool *ffmpeg.Tool, path, name string) (*base, error) {
	src, err := tool.Probe(ctx, ffmpeg.Input{Path: path, Name: name}, nil)
	if err != nil {
		return nil, err
	}
	b := &base{}
	switch {
	case strings.HasPrefix(src.Format, "matroska"):
		if b.mkv, err = openMKV(path, name, src.Video.Index); err == nil {
			b.track = &b.mkv.track
		}
	case strings.HasPrefix(src.Format, "mov") || src.Format == "mp4":
		if b.movie, err = openMovie(path, name, src.Video.Index); err == nil {
			b.track = &b.movie.track
		}
	default:
		err = fault.Userf("unsupported-base", name, "it is no MP4, MOV, Matroska or WebM", "remux it into one, for example with ffmpeg -i IN -map 0 -c copy OUT.mov")
	}
	if err != nil {
		return nil, err
	}
	if b.film, err = patch.Read(ctx, tool, path, name); err == nil {
		err = b.match()
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// match finds the film's packets among the samples. Where there is an edit list they are
// not all of them, and ffmpeg moves the times by a constant.
func (b *base) match() error {
	b.order = make([]int, len(b.samples))
	at := map[int64]int{}
	for i, s := range b.samples {
		b.order[i], at[s.pts] = i, i
	}
	slices.SortStableFunc(b.order, func(x, y int) int { return int(b.samples[x].pts - b.samples[y].pts) })
	refuse := fault.Userf("edit-list", b.name, "an edit list joins several parts of it, or its times are not unique",
		"remux it first, for example with ffmpeg -i IN -map 0 -c copy OUT.mov, and check its timing")
	if b.mkv != nil {
		refuse = fault.Userf("unsupported-base", b.name, "the times of its packets are not unique", "remux it first, for example with ffmpeg -i IN -map 0 -c copy OUT.mkv")
	}
	if len(at) != len(b.samples) || b.film.Frames() == 0 {
		return refuse
	}
	for first := range b.samples {
		if b.sized(first, b.film.Packets[0].Bytes) && b.matchFrom(at, b.samples[first].pts-b.film.Packets[0].PTS) {
			return nil
		}
	}
	return refuse
}

// matchFrom matches by time, with the film's times so many ticks before the samples'.
func (b *base) matchFrom(at map[int64]int, shift int64) bool {
	b.at = b.at[:0]
	least := int64(1<<63 - 1)
	for _, p := range b.film.Packets {
		i, ok := at[p.PTS+shift]
		if !ok || !b.sized(i, p.Bytes) {
			return false
		}
		least = min(least, p.PTS+shift)
		b.at = append(b.at, i)
	}
	slices.Sort(b.at)
	b.hidden = slices.IndexFunc(b.order, func(i int) bool { return b.samples[i].pts == least })
	for _, i := range b.order[b.hidden : b.hidden+b.film.Frames()] { // they follow each other
		if _, ok := slices.BinarySearch(b.at, i); !ok {
			return false
		}
	}
	return true
}

// sized reports whether a sample has so many bytes. Matroska, through which the film's
// packets came, leaves out the head of ProRes frames.
func (b *base) sized(i, bytes int) bool {
	if b.film.Source.Video.Codec == "prores" && int(b.samples[i].size) == bytes+8 {
		return true
	}
	return int(b.samples[i].size) == bytes
}

// pictures tells the plan what the samples are.
func (b *base) pictures(c codec) ([]Picture, error) {
	out := make([]Picture, len(b.samples))
	for i, s := range b.samples {
		out[i].PTS = s.pts
		if !s.sync {
			continue
		}
		data, err := b.packet(i)
		if err != nil {
			return nil, err
		}
		out[i].Entry = c.entry(b.track, data)
	}
	return out, nil
}
