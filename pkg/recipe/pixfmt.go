package recipe

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// PixFmt picks the pixel format of a deliverable: the source's where the encoder has
// it, else the nearest one it has that keeps the depth, then the subsampling. ok is
// false when there is none with at least 8 bits of the same kind.
func PixFmt(source string, has []string) (chosen string, ok bool) {
	if len(has) == 0 || slices.Contains(has, source) {
		return source, true
	}
	depth, sub := layout(source)
	best, score := "", -1
	for _, f := range has {
		d, s := layout(f)
		if d < 8 || d > depth && depth >= 8 {
			continue
		}
		points := d * 10
		if s == sub {
			points += 5
		} else if s == "420" {
			points += 2
		}
		if strings.Contains(f, "yuvj") != strings.Contains(source, "yuvj") {
			points--
		}
		if isRGB(f) != isRGB(source) {
			points--
		}
		if points > score {
			best, score = f, points
		}
	}
	return best, best != ""
}

// form is the shape of a pixel format: bits of a sample, and how chroma is subsampled.
type form struct {
	depth int
	sub   string
}

// packed are the formats whose names don't end in the number of their bits.
var packed = map[string]form{
	"nv12": {8, "420"}, "nv21": {8, "420"}, "nv16": {8, "422"}, "nv24": {8, "444"}, "nv42": {8, "444"}, "nv20": {10, "422"},
	"p010": {10, "420"}, "p012": {12, "420"}, "p016": {16, "420"}, "p210": {10, "422"}, "p212": {12, "422"}, "p216": {16, "422"},
	"yuyv422": {8, "422"}, "uyvy422": {8, "422"}, "yvyu422": {8, "422"}, "y210": {10, "422"}, "y212": {12, "422"}, "uyyvyy411": {8, "411"},
	"rgb48": {16, "444"}, "bgr48": {16, "444"}, "rgba64": {16, "444"}, "bgra64": {16, "444"}, "ayuv64": {16, "444"},
}

// planar matches the names of formats of planes: "yuv422p10le" is 10 and "422".
var planar = regexp.MustCompile(`^(?:yuv[aj]?(4\d\d)p|(gray))(\d*)$`)

// layout reads the form off a format's name.
func layout(name string) (depth int, sub string) {
	name = strings.TrimSuffix(strings.TrimSuffix(name, "le"), "be")
	if f, ok := packed[name]; ok {
		return f.depth, f.sub
	}
	m := planar.FindStringSubmatch(name)
	switch {
	case m == nil: // of RGB
		return depthOf(name), "444"
	case m[2] != "":
		return depthOf(name), "400"
	default:
		return depthOf(m[3]), m[1]
	}
}

func depthOf(s string) int {
	for _, d := range []int{16, 14, 12, 10, 9} {
		if strings.HasSuffix(s, strconv.Itoa(d)) {
			return d
		}
	}
	return 8
}

// isRGB reports whether a format's samples are red, green and blue.
func isRGB(name string) bool {
	return strings.Contains(name, "rgb") || strings.Contains(name, "bgr") || strings.HasPrefix(name, "gbr")
}
