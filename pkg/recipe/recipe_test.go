package recipe_test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/recipe"
)

func n(v int) *int { return &v }

func hd(codec string, change func(*recipe.Recipe)) recipe.Recipe {
	r := recipe.Recipe{
		Settings: recipe.Settings{Codec: codec, Preset: "p", CRF: n(23)}, Rate: media.Rational{Num: 30000, Den: 1001},
		Picture: media.Picture{Width: 1920, Height: 1080, PixFmt: "yuv420p", SAR: media.Rational{Num: 1, Den: 1}},
	}
	change(&r)
	return r
}

func plain(*recipe.Recipe) {}

func TestArgs(t *testing.T) {
	const base = "-vf setsar=1/1 -c:v CODEC -pix_fmt yuv420p "
	for name, c := range map[string]struct {
		r       recipe.Recipe
		threads int
		want    string
	}{
		"x264": {
			hd("libx264", func(r *recipe.Recipe) { r.Threads = 1 }), 8,
			base + "-crf 23 -preset p -threads 1 -x264-params cpu-independent=1:stitchable=1:open-gop=0",
		},
		"x264, QP, keyint": {
			hd("libx264", func(r *recipe.Recipe) { r.QP, r.Keyint, r.MinKeyint = n(0), 48, 5 }), 2,
			base + "-g 48 -keyint_min 5 -qp 0 -preset p -threads 2 -x264-params cpu-independent=1:stitchable=1:open-gop=0",
		},
		"x264, top field first": {
			hd("libx264", func(r *recipe.Recipe) { r.Picture.FieldOrder = "tt" }), 1,
			"-vf setsar=1/1,setparams=field_mode=tff -c:v CODEC -pix_fmt yuv420p " +
				"-crf 23 -preset p -threads 1 -x264-params cpu-independent=1:stitchable=1:open-gop=0:tff=1",
		},
		"x264, bottom field first": {
			hd("libx264", func(r *recipe.Recipe) { r.Picture.FieldOrder = "bb" }), 1,
			"-vf setsar=1/1,setparams=field_mode=bff -c:v CODEC -pix_fmt yuv420p " +
				"-crf 23 -preset p -threads 1 -x264-params cpu-independent=1:stitchable=1:open-gop=0:bff=1",
		},
		"x265": {
			hd("libx265", func(r *recipe.Recipe) { r.Threads = 2 }), 8,
			base + "-crf 23 -preset p -x265-params open-gop=0:info=0:log-level=error:frame-threads=1:pools=2",
		},
		"x265, HDR10": {
			hd("libx265", func(r *recipe.Recipe) { r.Picture.Mastering, r.Picture.Light = "G(1,2)B(3,4)", "1000,400" }), 1,
			base + "-crf 23 -preset p -x265-params open-gop=0:info=0:log-level=error:frame-threads=1:pools=1:" +
				"master-display=G(1,2)B(3,4):hdr10=1:max-cll=1000,400",
		},
		"SVT-AV1": {hd("libsvtav1", plain), 3, base + "-crf 23 -preset p -svtav1-params irefresh-type=2:lp=3"},
		"rav1e": {
			hd("librav1e", func(r *recipe.Recipe) { r.CRF, r.QP = nil, n(100) }), 3,
			base + "-qp 100 -speed p -tiles 1 -threads 3",
		},
		"colour and aspect": {
			hd("libsvtav1", func(r *recipe.Recipe) {
				p := &r.Picture
				p.SAR, p.Range, p.Primaries, p.Transfer, p.Matrix, p.ChromaLoc = media.Rational{Num: 16, Den: 11}, "tv", "bt470bg", "bt470bg", "bt470bg", "left"
			}), 1,
			"-vf setsar=16/11,setparams=range=tv:color_primaries=bt470bg:color_trc=bt470bg:colorspace=bt470bg -c:v CODEC -pix_fmt yuv420p " +
				"-color_range tv -color_primaries bt470bg -color_trc gamma28 -colorspace bt470bg -chroma_sample_location left " +
				"-crf 23 -preset p -svtav1-params irefresh-type=2:lp=1",
		},
		"RGB in a codec without": {
			hd("libsvtav1", func(r *recipe.Recipe) { r.Picture.Matrix, r.Picture.Range = "gbr", "pc" }), 1,
			"-vf setsar=1/1,setparams=range=tv:colorspace=bt709 -c:v CODEC -pix_fmt yuv420p " +
				"-color_range tv -colorspace bt709 -crf 23 -preset p -svtav1-params irefresh-type=2:lp=1",
		},
		"unknown aspect": {
			hd("librav1e", func(r *recipe.Recipe) { r.Picture.SAR, r.CRF = media.Rational{}, nil }), 1,
			"-vf setsar=0/1 -c:v CODEC -pix_fmt yuv420p -speed p -tiles 1 -threads 1",
		},
	} {
		want := strings.ReplaceAll(c.want, "CODEC", c.r.Codec)
		if got := strings.Join(c.r.Args(c.threads), " "); got != want {
			t.Errorf("%s:\n%s, want\n%s", name, got, want)
		}
	}
}

func TestInput(t *testing.T) {
	want := "-f rawvideo -pix_fmt yuv420p -video_size 1920x1080 -framerate 30000/1001"
	if got := strings.Join(hd("libx264", plain).Input(), " "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestConvert(t *testing.T) {
	for name, c := range map[string]struct {
		pixFmt, rng, matrix string
		want                string
	}{
		"narrow":           {"yuv420p", "tv", "bt709", "null"},
		"unknown":          {"yuv420p", "", "", "null"},
		"wide":             {"yuv420p", "pc", "bt709", "scale=out_range=pc"},
		"wide by its name": {"yuvj420p", "", "", "scale=out_range=pc"},
		"RGB to YUV":       {"yuv444p", "pc", "gbr", "scale=out_color_matrix=bt709:out_range=tv"},
		"RGB to RGB":       {"gbrp", "pc", "gbr", "null"},
	} {
		r := recipe.Recipe{Picture: media.Picture{PixFmt: c.pixFmt, Range: c.rng, Matrix: c.matrix}}
		if got := r.Convert(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Every name of a colour that ffprobe prints (ITU-T H.273) is one that the filter takes,
// and that the options take after we named it for them.
func TestColoursAreTakenByFFmpeg(t *testing.T) {
	help := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-hide_banner"}, args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	filter, options := help("-h", "filter=setparams"), help("-h", "full")
	for option, names := range map[string]string{
		"color_primaries": "bt709 bt470m bt470bg smpte170m smpte240m film bt2020 smpte428 smpte431 smpte432 ebu3213",
		"color_trc": "bt709 bt470m bt470bg smpte170m smpte240m linear log100 log316 iec61966-2-4 bt1361e iec61966-2-1 " +
			"bt2020-10 bt2020-12 smpte2084 smpte428 arib-std-b67",
		"colorspace": "gbr bt709 fcc bt470bg smpte170m smpte240m ycgco bt2020nc bt2020c smpte2085 chroma-derived-nc chroma-derived-c ictcp",
	} {
		for name := range strings.FieldsSeq(names) {
			r := hd("libx264", func(r *recipe.Recipe) {
				r.Picture.PixFmt = "gbrp" // else gbr is converted
				p := map[string]*string{"color_primaries": &r.Picture.Primaries, "color_trc": &r.Picture.Transfer, "colorspace": &r.Picture.Matrix}
				*p[option] = name
			})
			args := r.Args(1)
			given := args[slices.Index(args, "-"+option)+1]
			if !knows(options, "-"+option, given) {
				t.Errorf("-%s takes no %s", option, given)
			}
			if !knows(filter, option, name) || !strings.Contains(args[1], option+"="+name) {
				t.Errorf("setparams takes no %s=%s: %s", option, name, args[1])
			}
		}
	}
}

// knows reports whether ffmpeg's help lists a value of an option: the lines behind the
// option's that stand further to the right.
func knows(help, option, value string) bool {
	first := regexp.MustCompile(`(?m)^ +` + option + ` .*\n`).FindStringIndex(help)
	if first == nil {
		return false
	}
	for line := range strings.Lines(help[first[1]:]) {
		if !strings.HasPrefix(line, "     ") {
			return false
		}
		if strings.Fields(line)[0] == value {
			return true
		}
	}
	return false
}

func TestCanonicalIsStable(t *testing.T) {
	r := hd("libx264", func(r *recipe.Recipe) { r.Encoder, r.Threads, r.Revision, r.Keyint = "0123", 1, 2, 250 })
	const want = `{"codec":"libx264","preset":"p","crf":23,"keyint":250,"encoder":"0123","threads":1,"rate":"30000/1001",` +
		`"picture":{"width":1920,"height":1080,"pix_fmt":"yuv420p","sar":"1/1"},"revision":2}`
	if got := string(r.Canonical()); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	if a, b := hd("libx264", plain), hd("libx264", func(r *recipe.Recipe) { r.CRF = n(0) }); string(a.Canonical()) == string(b.Canonical()) {
		t.Error("CRF 0 counts as CRF 23")
	}
	if a, b := hd("libx264", func(r *recipe.Recipe) { r.CRF = nil }), hd("libx264", func(r *recipe.Recipe) { r.CRF = n(0) }); string(a.Canonical()) == string(b.Canonical()) {
		t.Error("CRF 0 counts as none")
	}
}

func TestThreadsFor(t *testing.T) {
	for _, c := range []struct {
		codec         string
		width, height int
		want          int
	}{
		{"libx264", 320, 180, 1},
		{"libx264", 640, 360, 1},
		{"libx264", 720, 1280, 2},
		{"libx264", 1920, 1088, 4},
		{"libx264", 3840, 2160, 8},
		{"libx265", 1920, 1080, 4},
		{"libx265", 8192, 4320, 8},
		{"libsvtav1", 3840, 2160, 0},
		{"librav1e", 320, 180, 0},
	} {
		if got := recipe.ThreadsFor(c.codec, media.Picture{Width: c.width, Height: c.height}); got != c.want {
			t.Errorf("%s at %dx%d: %d, want %d", c.codec, c.width, c.height, got, c.want)
		}
	}
}
