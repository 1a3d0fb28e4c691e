package foreign_test

import (
	"testing"

	"github.com/reweave/reweave/pkg/patch"
)

// Fragmented films come out with one header, and the same samples, times and tracks.
func TestFragmented(t *testing.T) {
	for name, c := range map[string]film{
		"no tables in the header": {"a.mp4", "yuv420p", x264 + "-movflags frag_keyframe+empty_moov", "", "clone", patch.Frames{From: 24, To: 36}, 35, 0},
		"some in the header":      {"a.mp4", "yuv420p", x264 + "-movflags frag_keyframe", "", "clone", patch.Frames{From: 24, To: 36}, 35, 0},
		"CMAF":                    {"a.mp4", "yuv420p", x264 + "-movflags +cmaf", "", "clone", patch.Frames{From: 24, To: 36}, 35, 0},
		"DASH":                    {"a.mp4", "yuv420p", x264 + "-movflags +dash+frag_keyframe", "", "clone", patch.Frames{From: 24, To: 36}, 35, 0},
		"edit lists":              {"a.mp4", "yuv420p", x264 + "-movflags +frag_keyframe+delay_moov", "", "clone", patch.Frames{From: 24, To: 36}, 35, 0},
		"fragments of a track":    {"a.mp4", "yuv420p", x264 + "-movflags +frag_keyframe+empty_moov+separate_moof+omit_tfhd_offset", "", "clone", patch.Frames{From: 24, To: 36}, 35, 0},
		"a late beginning":        {"a.mp4", "yuv420p", x264 + "-output_ts_offset 3.3333 -movflags +frag_keyframe+empty_moov", "", "clone", patch.Frames{From: 24, To: 36}, 35, 0},
		"HEVC, open, mov":         {"a.mov", "yuv420p", x265 + "open-gop=1 -movflags +frag_keyframe+empty_moov", "", "clone", patch.Frames{From: 21, To: 36}, 32, 1},
		"ProRes, each frame":      {"a.mov", "yuv422p10le", "-c:v prores_ks -profile:v 3 -movflags +frag_every_frame", "", "frames", patch.Frames{From: 30, To: 35}, 35, 0},
	} {
		t.Run(name, c.try)
	}
}
