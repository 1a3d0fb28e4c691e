package foreign_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/foreign"
	"github.com/reweave/reweave/pkg/patch"
)

// film is a kind of deliverable, and what comes of patching its frames 30 to 35.
type film struct {
	name, pixFmt string
	args         string
	parameters   string
	way          string
	// grown are the frames that are new; db is how near the fix's frames are, 1000 for
	// equal; touched is how many kept packets change.
	grown   patch.Frames
	db      float64
	touched int
}

func (c film) try(t *testing.T) {
	t.Helper()
	base, fix := deliverable(t, c.name, c.pixFmt, strings.Fields(c.args)...), fixOf(t, 5, c.pixFmt)
	out, s, err := patched(t, base, foreign.Options{Parameters: c.parameters}, fixed(t, fix, 30, 35))
	if err != nil {
		t.Fatal(err)
	}
	if s.Way != c.way || len(s.Regions) != 1 || s.Regions[0].Frames != c.grown || s.Regions[0].Again != c.grown.Len()-5 {
		t.Errorf("%+v, want %s and %v", s, c.way, c.grown)
	}
	is := unchanged(t, base, out, s, c.touched)
	alike(t, out, fix, c.pixFmt, 30, 5, 0, c.db)
	seeks(t, base, out, is)
	r := proved(t, base, out, s)
	if len(r.Changes) != 1 || r.Changes[0].New != c.grown {
		t.Errorf("%+v are proved to be new, want %v", r.Changes, c.grown)
	}
}

const x264 = "-c:v libx264 -preset veryfast -crf 20 -g 12 -sc_threshold 0 "

// matrices are a setting that x264 doesn't tell.
const matrices = "-x264-params cqm4=1,2 "

func TestH264(t *testing.T) {
	for name, c := range map[string]film{
		"clone":            {"a.mp4", "yuv420p", x264, "", "clone", patch.Frames{From: 24, To: 36}, 35, 0},
		"clone in mov":     {"a.mov", "yuv420p", x264 + "-movflags +faststart", "", "clone", patch.Frames{From: 24, To: 36}, 35, 0},
		"clone of another": {"a.mp4", "yuv422p10le", x264 + "-preset medium -tune animation -bf 1 -x264-params ref=5:cqm=jvt", "", "clone", patch.Frames{From: 24, To: 36}, 35, 0},
		"clone, baseline":  {"a.mp4", "yuv420p", x264 + "-profile:v baseline", "", "clone", patch.Frames{From: 24, To: 36}, 35, 0},
		"open GOP":         {"a.mp4", "yuv420p", x264 + "-x264-params open-gop=1:keyint=12:min-keyint=12", "", "clone", patch.Frames{From: 21, To: 60}, 35, 0},
		"second set": {
			"a.mp4", "yuv420p", x264 + matrices, "second", "second",
			patch.Frames{From: 24, To: 36},
			35, 0,
		},
		"no settings told": {"a.mp4", "yuv420p", x264 + "-preset fast -bsf:v filter_units=remove_types=6", "", "same", patch.Frames{From: 24, To: 36}, 35, 0},
		"all intra":        {"a.mov", "yuv420p", "-c:v libx264 -preset veryfast -crf 20 -g 1", "", "clone", patch.Frames{From: 30, To: 35}, 35, 0},
		"lossless":         {"a.mp4", "yuv420p", "-c:v libx264 -preset veryfast -qp 0 -g 12 -sc_threshold 0", "", "clone", patch.Frames{From: 24, To: 36}, 1000, 0},
	} {
		t.Run(name, c.try)
	}
}

// The second pass begins with a quantizer that the PPS tells: the clone's must be the same.
func TestTwoPasses(t *testing.T) {
	log := filepath.Join(t.TempDir(), "pass")
	passes := func(n string) string {
		return "-c:v libx264 -preset veryfast -g 12 -sc_threshold 0 -b:v 1000k -passlogfile " + log + " -pass " + n
	}
	deliverable(t, "first.mp4", "yuv420p", strings.Fields(passes("1"))...)
	film{"a.mp4", "yuv420p", passes("2"), "", "clone", patch.Frames{From: 24, To: 36}, 30, 0}.try(t)
}

const x265 = "-c:v libx265 -preset ultrafast -crf 24 -tag:v hvc1 -x265-params log-level=none:keyint=12:min-keyint=12:scenecut=0:"

func TestHEVC(t *testing.T) {
	for name, c := range map[string]film{
		"closed":                {"a.mp4", "yuv420p", x265 + "open-gop=0", "", "clone", patch.Frames{From: 24, To: 36}, 32, 0},
		"open":                  {"a.mp4", "yuv420p", x265 + "open-gop=1", "", "clone", patch.Frames{From: 21, To: 36}, 32, 1},
		"closed, other sets":    {"a.mp4", "yuv420p", x265 + "open-gop=0:info=0:amp=1:rect=1:ref=1:bframes=2", "in-band", "in-band", patch.Frames{From: 24, To: 36}, 32, 1},
		"open, other sets, mov": {"a.mov", "yuv420p10le", x265 + "open-gop=1:info=0:ctu=32:max-tu-size=16", "in-band", "in-band", patch.Frames{From: 21, To: 36}, 32, 1},
	} {
		t.Run(name, c.try)
	}
}

func TestIntra(t *testing.T) {
	exact := patch.Frames{From: 30, To: 35}
	for name, c := range map[string]film{
		"ProRes HQ":      {"a.mov", "yuv422p10le", "-c:v prores_ks -profile:v 3", "", "frames", exact, 35, 0},
		"ProRes 4444":    {"a.mov", "yuv444p12le", "-c:v prores_ks -profile:v 4", "", "frames", exact, 35, 0},
		"DNxHR":          {"a.mov", "yuv422p", "-c:v dnxhd -profile:v dnxhr_hq", "", "frames", exact, 35, 0},
		"MJPEG":          {"a.mov", "yuvj420p", "-c:v mjpeg -q:v 3", "", "frames", exact, 30, 0},
		"FFV1":           {"a.mov", "yuv420p", "-c:v ffv1 -level 3 -g 1", "", "same", exact, 1000, 0},
		"FFV1, 16 parts": {"a.mov", "yuv422p10le", "-c:v ffv1 -level 3 -g 1 -slices 16 -context 1", "", "same", exact, 1000, 0},
	} {
		t.Run(name, c.try)
	}
}

func TestOthers(t *testing.T) {
	gop := patch.Frames{From: 24, To: 36}
	for name, c := range map[string]film{
		"AV1":    {"a.mp4", "yuv420p", "-c:v libsvtav1 -preset 10 -crf 30 -g 12 -svtav1-params irefresh-type=2", "", "frames", gop, 30, 0},
		"VP9":    {"a.mp4", "yuv420p", "-c:v libvpx-vp9 -b:v 0 -crf 30 -cpu-used 8 -deadline realtime -g 12 -keyint_min 12", "", "frames", gop, 30, 0},
		"MPEG-2": {"a.mov", "yuv420p", "-c:v mpeg2video -q:v 3 -g 12 -bf 0 -flags +cgop -sc_threshold 1000000000", "", "frames", patch.Frames{From: 24, To: 36}, 30, 0},
	} {
		t.Run(name, c.try)
	}
}

func TestMatroska(t *testing.T) {
	gop, exact := patch.Frames{From: 24, To: 36}, patch.Frames{From: 30, To: 35}
	for name, c := range map[string]film{
		"H.264":      {"a.mkv", "yuv420p", x264, "", "clone", gop, 35, 0},
		"second set": {"a.mkv", "yuv420p", x264 + matrices, "second", "second", gop, 35, 0},
		"HEVC, open": {"a.mkv", "yuv420p", x265 + "open-gop=1", "", "clone", patch.Frames{From: 21, To: 36}, 32, 1},
		"HEVC, sets": {"a.mkv", "yuv420p", x265 + "open-gop=0:info=0:amp=1:rect=1:ref=1:bframes=2", "in-band", "in-band", gop, 32, 1},
		"AV1":        {"a.mkv", "yuv420p", "-c:v libsvtav1 -preset 10 -crf 30 -g 12 -svtav1-params irefresh-type=2", "", "frames", gop, 30, 0},
		"AV1, webm":  {"a.webm", "yuv420p10le", "-c:a libopus -c:v libsvtav1 -preset 10 -crf 30 -g 12 -svtav1-params irefresh-type=2", "", "frames", gop, 30, 0},
		"VP9":        {"a.webm", "yuv420p", "-c:a libopus -c:v libvpx-vp9 -b:v 0 -crf 30 -cpu-used 8 -deadline realtime -g 12 -keyint_min 12", "", "frames", gop, 30, 0},
		"FFV1":       {"a.mkv", "yuv420p", "-c:a flac -c:v ffv1 -level 3 -g 1", "", "same", exact, 1000, 0},
		"ProRes":     {"a.mkv", "yuv422p10le", "-c:a pcm_s16le -c:v prores_ks -profile:v 2", "", "frames", exact, 35, 0},
		"DNxHR":      {"a.mkv", "yuv422p", "-c:v dnxhd -profile:v dnxhr_hq", "", "frames", exact, 35, 0},
		"MJPEG":      {"a.mkv", "yuvj420p", "-c:v mjpeg -q:v 3", "", "frames", exact, 30, 0},
		"MPEG-2":     {"a.mkv", "yuv420p", "-c:v mpeg2video -q:v 3 -g 12 -bf 2 -flags +cgop -sc_threshold 1000000000", "", "frames", patch.Frames{From: 30, To: 40}, 30, 0},
	} {
		t.Run(name, c.try)
	}
}
