package recipe

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/media"
)

// Revision is raised whenever the arguments that [Recipe.Args] makes change the
// bytes of a chunk, so that older chunks are no longer found.
const Revision = 2

// Input returns the options that describe raw frames on standard input: a constant
// nominal rate, and no timestamps of the source. Real time lies in the plan.
func (r Recipe) Input() []string {
	p := r.Picture
	return []string{
		"-f", "rawvideo", "-pix_fmt", p.PixFmt,
		"-video_size", fmt.Sprintf("%dx%d", p.Width, p.Height), "-framerate", r.Rate.String(),
	}
}

// Args returns the options of the encoder itself. threads is how many threads it may
// use; where their number changes the bytes, the recipe's own number is used instead.
func (r Recipe) Args(threads int) []string {
	if r.Threads > 0 {
		threads = r.Threads
	}
	args := []string{"-vf", r.filters(), "-c:v", r.Codec, "-pix_fmt", r.Picture.PixFmt}
	args = append(args, r.colour()...)
	if r.Keyint > 0 {
		args = append(args, "-g", strconv.Itoa(r.Keyint))
	}
	if r.MinKeyint > 0 {
		args = append(args, "-keyint_min", strconv.Itoa(r.MinKeyint))
	}
	switch r.Codec {
	case "libx264":
		return append(args, r.x264(threads)...)
	case "libx265":
		return append(args, r.x265(threads)...)
	case "libsvtav1":
		return append(args, r.svtav1(threads)...)
	default:
		return append(args, r.rav1e(threads)...)
	}
}

// Pictures returns the options that describe the pictures to any encoder.
func (r Recipe) Pictures() []string {
	return append([]string{"-vf", r.filters(), "-pix_fmt", r.Picture.PixFmt}, r.colour()...)
}

// filters sets on the frames what raw video can't tell: sample aspect, colour and order
// of fields. libx264 follows the frames in the latter: without it, x264 is told in the
// middle of its work that the bottom field comes first, and predicts from wrong times.
func (r Recipe) filters() string {
	p := r.coded()
	sar := p.SAR
	if !sar.Valid() {
		sar = media.Rational{Num: 0, Den: 1}
	}
	set := []string{}
	for _, kv := range [][2]string{
		{"range", p.Range}, {"color_primaries", p.Primaries}, {"color_trc", p.Transfer}, {"colorspace", p.Matrix},
	} {
		if kv[1] != "" {
			set = append(set, kv[0]+"="+kv[1])
		}
	}
	if first := r.fields(); first != "" {
		set = append(set, "field_mode="+first)
	}
	out := fmt.Sprintf("setsar=%d/%d", sar.Num, sar.Den)
	if len(set) > 0 {
		out += ",setparams=" + strings.Join(set, ":")
	}
	return out
}

// fields returns which field of a picture is shown first, "tff" or "bff", or "" where
// there are none.
func (r Recipe) fields() string {
	switch r.Picture.FieldOrder {
	case "tt", "tb":
		return "tff"
	case "bb", "bt":
		return "bff"
	}
	return ""
}

// colour repeats the colour as options: which of the two an encoder heeds depends on
// the version of ffmpeg.
func (r Recipe) colour() []string {
	p := r.coded()
	var args []string
	for _, kv := range [][2]string{
		{"-color_range", p.Range},
		{"-color_primaries", p.Primaries},
		{"-color_trc", transferOption(p.Transfer)},
		{"-colorspace", matrixOption(p.Matrix)},
		{"-chroma_sample_location", p.ChromaLoc},
	} {
		if kv[1] != "" {
			args = append(args, kv[0], kv[1])
		}
	}
	return args
}

// transferOption and matrixOption return the names that ffmpeg's options have for what
// ffprobe and the filters know by others.
func transferOption(name string) string {
	switch name {
	case "bt470m":
		return "gamma22"
	case "bt470bg":
		return "gamma28"
	}
	return name
}

func matrixOption(name string) string {
	if name == "gbr" {
		return "rgb"
	}
	return name
}

// coded returns the pictures as the encoder gets them: what was RGB is BT.709 in the
// narrow range where the encoder takes no RGB.
func (r Recipe) coded() media.Picture {
	p := r.Picture
	if p.Matrix == "gbr" && !media.IsRGB(p.PixFmt) {
		p.Matrix, p.Range = "bt709", "tv"
	}
	if strings.HasPrefix(p.PixFmt, "yuvj") {
		p.Range = "pc"
	}
	return p
}

// Convert returns the filter that decoded frames pass through on their way to the pixel
// format, or "null": by itself ffmpeg converts to BT.601 and to the narrow range, whatever
// the frames had.
func (r Recipe) Convert() string {
	p := r.coded()
	switch {
	case p.Matrix != r.Picture.Matrix:
		return "scale=out_color_matrix=" + p.Matrix + ":out_range=" + p.Range
	case p.Range == "pc" && !media.IsRGB(p.PixFmt):
		return "scale=out_range=pc"
	}
	return "null"
}

// quality returns the rate control option.
func (r Recipe) quality() []string {
	if r.QP != nil {
		return []string{"-qp", strconv.Itoa(*r.QP)}
	}
	if r.CRF != nil {
		return []string{"-crf", strconv.Itoa(*r.CRF)}
	}
	return nil
}

// x264's bytes depend on the thread count and, without cpu-independent, on the CPU's
// instruction set; stitchable keeps the headers of all chunks equal.
func (r Recipe) x264(threads int) []string {
	params := []string{"cpu-independent=1", "stitchable=1", "open-gop=0"}
	if first := r.fields(); first != "" {
		params = append(params, first+"=1")
	}
	args := append(r.quality(), "-preset", r.Preset, "-threads", strconv.Itoa(threads))
	return append(args, "-x264-params", strings.Join(params, ":"))
}

// x265 writes its options and the CPU into an SEI unless info=0, and opens its GOPs
// unless told not to.
func (r Recipe) x265(threads int) []string {
	params := []string{"open-gop=0", "info=0", "log-level=error", "frame-threads=1", "pools=" + strconv.Itoa(threads)}
	if r.Picture.Mastering != "" {
		params = append(params, "master-display="+r.Picture.Mastering, "hdr10=1")
	}
	if r.Picture.Light != "" {
		params = append(params, "max-cll="+r.Picture.Light)
	}
	args := append(r.quality(), "-preset", r.Preset)
	return append(args, "-x265-params", strings.Join(params, ":"))
}

// SVT-AV1 gives the same bytes for every number of logical processors (lp).
func (r Recipe) svtav1(threads int) []string {
	params := []string{"irefresh-type=2", "lp=" + strconv.Itoa(threads)}
	args := append(r.quality(), "-preset", r.Preset)
	return append(args, "-svtav1-params", strings.Join(params, ":"))
}

// rav1e gives the same bytes for every number of threads, but not of tiles.
func (r Recipe) rav1e(threads int) []string {
	args := append(r.quality(), "-speed", r.Preset, "-tiles", "1", "-threads", strconv.Itoa(threads))
	return args
}

// ThreadsFor returns the thread count that a recipe fixes for codec, or 0 where the
// bytes don't depend on it. Chunks are encoded side by side, which fills the cores of a
// first encode; what a patch waits for is one chunk, and the threads are for that. One for
// each 270 lines costs neither CPU time nor size worth speaking of.
func ThreadsFor(codec string, p media.Picture) int {
	switch codec {
	case "libx264", "libx265":
		return min(max(1, min(p.Width, p.Height)/linesPerThread), mostThreads)
	default:
		return 0
	}
}

// linesPerThread leaves the motion search of each thread room within a picture;
// mostThreads bounds the memory of an encode.
const linesPerThread, mostThreads = 270, 8
