package foreign

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/patch"
)

// openFixes reads the packets of the fixes and compares them with the film.
func (r *run) openFixes(ctx context.Context) error {
	for _, x := range r.fixes {
		if err := r.inside(x.Frames); err != nil {
			return err
		}
		film, err := patch.Read(ctx, r.tool, x.Path, x.Name)
		if err != nil {
			return err
		}
		if what := unlike(r.film, film); what != "" {
			return fault.Userf("other-picture", x.Name, "it can't replace frames of "+r.name+": "+what, "export it with the settings of the film")
		}
		have, want := film.Frames(), x.Frames.Len()
		if x.Aligned {
			want = r.film.Frames()
		}
		if have != want {
			hint := "give as many frames as the range has"
			if have == r.film.Frames() {
				hint += ", or add --aligned"
			}
			return fault.Userf("wrong-length", x.Name, fmt.Sprintf("it has %d frames, and is to replace %d", have, want), hint)
		}
		r.films = append(r.films, film)
	}
	return nil
}

// inside refuses ranges that are none before their files are read.
func (r *run) inside(f patch.Frames) error {
	_, err := Plan(make([]Picture, r.film.Frames()), []patch.Frames{f})
	return err
}

// unlike says in what a fix differs from the film, or "".
func unlike(film, fix *patch.Film) string {
	a, b := film.Source.Video, fix.Source.Video
	field := func(order string) string {
		switch order { // as ffmpeg has it, the first letter is the field that is shown first
		case "tt", "tb":
			return "top field first"
		case "bb", "bt":
			return "bottom field first"
		}
		return "progressive"
	}
	for _, p := range []struct {
		what      string
		want, got string
		strict    bool
	}{
		{"size", fmt.Sprintf("%d×%d", a.Picture.Width, a.Picture.Height), fmt.Sprintf("%d×%d", b.Picture.Width, b.Picture.Height), true},
		{"frame rate", a.Rate.String(), b.Rate.String(), !variable(film)},
		{"pixel format", strings.Replace(a.Picture.PixFmt, "yuvj", "yuv", 1), strings.Replace(b.Picture.PixFmt, "yuvj", "yuv", 1), true},
		{"field order", field(a.Picture.FieldOrder), field(b.Picture.FieldOrder), true},
		{"colour range", a.Picture.Range, b.Picture.Range, false},
		{"colour primaries", a.Picture.Primaries, b.Picture.Primaries, false},
		{"transfer function", a.Picture.Transfer, b.Picture.Transfer, false},
		{"colour matrix", a.Picture.Matrix, b.Picture.Matrix, false},
	} {
		if p.want != p.got && (p.strict || p.want != "" && p.got != "" && p.what != "frame rate") {
			return fmt.Sprintf("its %s is %s, not %s", p.what, p.got, p.want)
		}
	}
	return ""
}

// variable reports whether the film's frames are not shown for the same time each, by more
// than what containers round. The frames of a fix then take the times of those that they
// replace.
func variable(film *patch.Film) bool {
	times := make([]int64, film.Frames())
	for i, p := range film.Packets {
		times[i] = p.PTS
	}
	slices.Sort(times)
	if len(times) < 3 {
		return false
	}
	least, most := times[1]-times[0], int64(0)
	for i := 1; i < len(times); i++ {
		least, most = min(least, times[i]-times[i-1]), max(most, times[i]-times[i-1])
	}
	return most-least > 2 && float64(most-least)*film.TimeBase.Float() > 0.0021
}

// groups counts the film's groups of pictures, and those in which the regions lie.
func (b *base) groups(regions []Grown) (all, touched int) {
	begin := 0
	for i := 1; i <= b.film.Frames(); i++ {
		if i < b.film.Frames() && !b.film.Packets[i].Parts {
			continue
		}
		all++
		if slices.ContainsFunc(regions, func(g Grown) bool { return g.Frames.From < i && begin < g.Frames.To }) {
			touched++
		}
		begin = i
	}
	return all, touched
}
