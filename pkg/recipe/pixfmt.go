package recipe

import (
	"slices"
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
		if points > score {
			best, score = f, points
		}
	}
	return best, best != ""
}

// layout reads the bit depth and the chroma subsampling off the name of a planar
// format: "yuv422p10le" is 10 and "422".
func layout(name string) (depth int, sub string) {
	rest, yuv := strings.CutPrefix(strings.Replace(name, "yuvj", "yuv", 1), "yuv")
	if strings.HasPrefix(name, "yuva") {
		rest = strings.TrimPrefix(name, "yuva")
	}
	if !yuv || len(rest) < 4 {
		return depthOf(name), "444"
	}
	return depthOf(rest[3:]), rest[:3]
}

func depthOf(s string) int {
	for _, d := range []struct {
		mark string
		bits int
	}{{"16", 16}, {"14", 14}, {"12", 12}, {"10", 10}, {"9", 9}} {
		if strings.HasSuffix(s, d.mark) || strings.HasSuffix(s, d.mark+"le") || strings.HasSuffix(s, d.mark+"be") {
			return d.bits
		}
	}
	return 8
}
