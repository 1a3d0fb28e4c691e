package job_test

import (
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/recipe"
)

func TestSameSaysWhatCanBeFound(t *testing.T) {
	sum := strings.Repeat("a1", 32)
	for name, tc := range map[string]struct {
		same job.Same
		says string // "" where nothing is wrong
		edit func(*job.Spec)
	}{
		"auto":                     {same: job.Same{Base: sum}},
		"pixels":                   {same: job.Same{Base: sum, Depth: job.Pixels}},
		"eye":                      {same: job.Same{Base: sum, Depth: job.Eye, PSNR: 40}},
		"eye by both":              {same: job.Same{Base: sum, Depth: job.Eye, PSNR: 40, SSIM: 0.9}},
		"no digest":                {same: job.Same{Base: "x"}, says: "no SHA-256"},
		"no such depth":            {same: job.Same{Base: sum, Depth: "ear"}, says: "no depth"},
		"eye without a tolerance":  {same: job.Same{Base: sum, Depth: job.Eye}, says: "how near"},
		"pixels with a tolerance":  {same: job.Same{Base: sum, Depth: job.Pixels, SSIM: 0.9}, says: "are the same or not"},
		"a tolerance out of range": {same: job.Same{Base: sum, Depth: job.Eye, SSIM: 1.5}, says: "can't be reached"},
		"with edits": {same: job.Same{Base: sum}, says: "by hand", edit: func(s *job.Spec) {
			s.Edits = []job.Edit{{To: 1, Source: "upload:00000000000000000000000000"}}
		}},
		"of a pipe": {same: job.Same{Base: sum}, says: "read twice", edit: func(s *job.Spec) { s.Source = job.StdinSource }},
	} {
		s := job.Spec{Source: "https://example.org/a.mp4", Same: &tc.same, Video: recipe.Settings{Codec: "libx264"}}
		if tc.edit != nil {
			tc.edit(&s)
		}
		err := s.WithDefaults().Validate(nil, job.Stdin)
		if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
		}
	}
}

// What an export to another format leaves out is as the deliverable's; what it tells
// otherwise is not.
func TestLikeAdoptsWhatIsNotTold(t *testing.T) {
	want := media.Picture{Width: 2, Height: 2, PixFmt: "yuv420p", ChromaLoc: "left", Primaries: "bt709", FieldOrder: "progressive", SAR: media.Rational{Num: 1, Den: 1}}
	silent := media.Picture{Width: 2, Height: 2, PixFmt: "yuv420p", Range: "tv"}
	l := job.Like{Picture: want}
	if got := l.Adopt(silent); got != want {
		t.Errorf("%+v became %+v", silent, got)
	}
	for name, p := range map[string]media.Picture{
		"full range":       {Range: "pc"},
		"other primaries":  {Primaries: "bt2020"},
		"chroma elsewhere": {ChromaLoc: "topleft"},
		"fields":           {FieldOrder: "tt"},
		"other pixels":     {SAR: media.Rational{Num: 4, Den: 3}},
	} {
		p.Width, p.Height, p.PixFmt = 2, 2, "yuv420p"
		if l.Differs(job.Like{Picture: l.Adopt(p)}) == "" {
			t.Errorf("%s: a picture that differs became alike", name)
		}
	}
	if full := (job.Like{Picture: media.Picture{Range: "pc"}}); full.Adopt(silent).Range != "tv" {
		t.Error("a limited range became full")
	}
}
