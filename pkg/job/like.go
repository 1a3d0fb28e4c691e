package job

import (
	"cmp"
	"fmt"

	"github.com/reweave/reweave/pkg/media"
)

// Like is the shape of a film: the pictures as they are encoded, and their nominal rate.
type Like struct {
	Picture media.Picture  `json:"picture"`
	Rate    media.Rational `json:"rate"`
}

// Differs names the first thing in which other is not like l, such as "its size is
// 320×180, not 640×360"; "" when there is none.
func (l Like) Differs(other Like) string {
	a, b := l.Picture, other.Picture
	for _, p := range []struct {
		what      string
		want, got string
	}{
		{"size", fmt.Sprintf("%d×%d", a.Width, a.Height), fmt.Sprintf("%d×%d", b.Width, b.Height)},
		{"frame rate", l.Rate.String(), other.Rate.String()},
		{"pixel format", a.PixFmt, b.PixFmt},
		{"sample aspect ratio", a.SAR.String(), b.SAR.String()},
		{"colour range", a.Range, b.Range},
		{"colour primaries", a.Primaries, b.Primaries},
		{"transfer function", a.Transfer, b.Transfer},
		{"colour matrix", a.Matrix, b.Matrix},
		{"chroma location", a.ChromaLoc, b.ChromaLoc},
		{"field order", a.FieldOrder, b.FieldOrder},
		{"mastering display", a.Mastering, b.Mastering},
		{"light level", a.Light, b.Light},
	} {
		if p.want != p.got {
			return fmt.Sprintf("its %s is %s, not %s", p.what, told(p.got), told(p.want))
		}
	}
	return ""
}

func told(s string) string {
	if s == "" {
		return "not told"
	}
	return s
}

// Adopt returns a source's picture as l has it where the source doesn't tell, or tells what
// not telling means: an export to another format often leaves out what the first one said.
// Nothing that changes a sample is taken over.
func (l Like) Adopt(p media.Picture) media.Picture {
	mine := l.Picture
	for _, f := range []struct {
		want   string
		its    *string
		silent string // what not telling means; "" for anything
	}{
		{mine.Range, &p.Range, "tv"},
		{mine.ChromaLoc, &p.ChromaLoc, "left"},
		{mine.FieldOrder, &p.FieldOrder, "progressive"},
		{mine.Primaries, &p.Primaries, ""},
		{mine.Transfer, &p.Transfer, ""},
		{mine.Matrix, &p.Matrix, ""},
	} {
		if *f.its == "" && f.silent == "" || cmp.Or(*f.its, f.silent) == cmp.Or(f.want, f.silent) {
			*f.its = f.want
		}
	}
	square := media.Rational{Num: 1, Den: 1}
	if told := func(r media.Rational) media.Rational {
		if r.Num == 0 {
			return square
		}
		return r
	}; told(p.SAR) == told(mine.SAR) {
		p.SAR = mine.SAR
	}
	return p
}
