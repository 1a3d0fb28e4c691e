package recipe_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/recipe"
)

// What the encoders take, as ffmpeg 5.1 lists it.
var takes = map[string][]string{
	"libx264": strings.Fields("yuv420p yuvj420p yuv422p yuvj422p yuv444p yuvj444p nv12 nv16 nv21 yuv420p10le yuv422p10le " +
		"yuv444p10le nv20le gray gray10le"),
	"libx265": strings.Fields("yuv420p yuvj420p yuv422p yuvj422p yuv444p yuvj444p gbrp yuv420p10le yuv422p10le yuv444p10le " +
		"gbrp10le yuv420p12le yuv422p12le yuv444p12le gbrp12le gray gray10le gray12le"),
	"libsvtav1": strings.Fields("yuv420p yuv420p10le"),
	"librav1e": strings.Fields("yuv420p yuvj420p yuv420p10le yuv420p12le yuv422p yuvj422p yuv422p10le yuv422p12le yuv444p " +
		"yuvj444p yuv444p10le yuv444p12le"),
}

func TestPixFmt(t *testing.T) {
	for _, c := range []struct{ source, codec, want string }{
		{"yuv420p", "libx264", "yuv420p"},
		{"yuvj420p", "libx264", "yuvj420p"},
		{"yuvj420p", "libsvtav1", "yuv420p"},
		{"yuv422p10le", "libx264", "yuv422p10le"},
		{"yuv422p10le", "libsvtav1", "yuv420p10le"},
		{"yuv422p10be", "libx264", "yuv422p10le"},
		{"yuv420p12le", "libx264", "yuv420p10le"},
		{"yuv444p16le", "libx265", "yuv444p12le"},
		{"yuv411p", "libx264", "yuv420p"},
		{"yuv410p", "librav1e", "yuv420p"},
		{"yuv440p", "librav1e", "yuv420p"},
		{"yuva444p10le", "libx264", "yuv444p10le"},
		{"yuva420p", "libsvtav1", "yuv420p"},
		{"nv12", "libx265", "yuv420p"},
		{"nv16", "librav1e", "yuv422p"},
		{"p010le", "libx264", "yuv420p10le"},
		{"uyvy422", "libx264", "yuv422p"},
		{"yuyv422", "libsvtav1", "yuv420p"},
		{"y210le", "librav1e", "yuv422p10le"},
		{"gray", "librav1e", "yuv420p"},
		{"gray10le", "libsvtav1", "yuv420p10le"},
		{"gray16le", "libx265", "gray12le"},
		{"bgr0", "libx264", "yuv444p"},
		{"bgr0", "libx265", "gbrp"},
		{"rgb48le", "libx265", "gbrp12le"},
		{"gbrp10le", "librav1e", "yuv444p10le"},
		{"gbrp", "libsvtav1", "yuv420p"},
		{"pal8", "libx264", "yuv444p"},
	} {
		got, ok := recipe.PixFmt(c.source, takes[c.codec])
		if got != c.want || !ok {
			t.Errorf("%s in %s: %s, want %s", c.source, c.codec, got, c.want)
		}
	}
}

func TestPixFmtWithoutAChoice(t *testing.T) {
	if got, ok := recipe.PixFmt("yuv420p", nil); got != "yuv420p" || !ok {
		t.Errorf("an encoder that tells nothing: %s, %v", got, ok)
	}
	if got, ok := recipe.PixFmt("yuv420p", []string{"yuv420p10le"}); got != "" || ok {
		t.Errorf("8 bits where 10 are the least: %s, %v", got, ok)
	}
}

// Whatever the source has, the choice is one that the encoder takes, or there is none.
func TestPixFmtChoosesWhatIsTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		has := rapid.SliceOfN(rapid.SampledFrom(takes["libx265"]), 1, 8).Draw(t, "has")
		source := rapid.OneOf(rapid.String(), rapid.SampledFrom(slices.Concat(takes["libx264"], []string{"p016le", "rgb24", "yuva422p12be"}))).Draw(t, "source")
		got, ok := recipe.PixFmt(source, has)
		if ok != slices.Contains(has, got) {
			t.Fatalf("%q of %v: %q, %v", source, has, got, ok)
		}
	})
}
