package foreign

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media/mediatest"
)

// chosen is what comes of looking for an encoder whose parameter sets are a film's.
type chosen struct {
	args string
	// told is the way for the film as it is, silent for the same one without the SEI in
	// which its encoder tells its settings; or what a refusal says.
	told, silent string
	pixFmt       string
}

// films makes all films of a table, as they are and without SEI, in one run of ffmpeg.
func films(t *testing.T, input, encoder, strip string, table map[string]chosen) string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"-y", "-f", "lavfi", "-i", input}
	for name, c := range table {
		for _, silent := range []bool{false, true} {
			if silent && c.silent == "" {
				continue
			}
			pixFmt, file, filter := c.pixFmt, name, "null"
			if pixFmt == "" {
				pixFmt = "yuv420p"
			}
			if silent {
				file, filter = name+"-silent", strip
			}
			args = append(args, "-map", "0:v", "-pix_fmt", pixFmt)
			args = append(args, strings.Fields(encoder+" "+c.args)...)
			args = append(args, "-bsf:v", filter, filepath.Join(dir, file+".mp4"))
		}
	}
	mediatest.Run(t, args...)
	return dir
}

// way returns how new packets would be made to fit a film, or what a user is told.
func way(t *testing.T, tool *ffmpeg.Tool, path string, o Options) string {
	t.Helper()
	b, err := openBase(t.Context(), tool, path, filepath.Base(path))
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	r := &run{base: b, tool: tool, codec: codecs[b.film.Source.Video.Codec], o: o, dir: t.TempDir()}
	a, err := b.choose(t.Context(), r)
	if err != nil {
		return err.Error()
	}
	return a.way
}

func TestParameterSetsOfX264(t *testing.T) {
	mediatest.NoLeaks(t)
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]chosen{
		"grain":    {args: "-tune grain -profile:v main", told: "clone", silent: "same"},
		"stripped": {args: "-tune zerolatency -x264-params weightp=0:cabac=0:8x8dct=0:slices=4", told: "clone", silent: "same"},
		"constant": {args: "-b:v 500k -maxrate 500k -bufsize 500k -x264-params nal-hrd=cbr", told: "clone", silent: "same"},
		"buffered": {args: "-maxrate 500k -bufsize 1000k -x264-params nal-hrd=vbr", told: "clone", silent: "same"},
		"eight B":  {args: "-bf 8 -g 10", told: "clone", silent: "same"},
		"flat B":   {args: "-x264-params b-pyramid=none:ref=5", told: "clone", silent: "same"},
		"Blu-ray": {
			args: "-x264-params bluray-compat=1:nal-hrd=vbr:vbv-maxrate=4000:vbv-bufsize=4000:force-cfr=1:pic-struct=1:videoformat=pal:overscan=show:aud=1:slices=4",
			told: "clone", silent: "same",
		},
		"as fields": {args: "-x264-params fake-interlaced=1", told: "clone", silent: "same"},
		"offsets":   {args: "-x264-params chroma-qp-offset=4:psy-rd=0.2,0.1:trellis=2:deblock=-2,1:aq-mode=3", told: "clone", silent: "same"},
		"JVT":       {args: "-x264-params cqm=jvt:constrained-intra=1", told: "clone", silent: "same"},
		"level 1b":  {args: "-level 1b -profile:v baseline", told: "clone", silent: "same"},
		"average":   {args: "-b:v 400k", told: "clone", silent: "same", pixFmt: "yuv422p10le"},
		"4:4:4":     {args: "-crf 18.6", told: "clone", silent: "same", pixFmt: "yuv444p"},
		"lossless":  {args: "-qp 0", told: "clone", silent: "same"},
		"matrices":  {args: "-x264-params cqm4=1,2", told: "instead of [[1 2 16 16", silent: "PPS.PicScalingLists"},
	}
	dir := films(t, "testsrc2=s=128x96:r=25:d=0.4", "-c:v libx264 -preset veryfast -g 5", "filter_units=remove_types=6", table)
	for name, c := range table {
		for file, want := range map[string]string{name: c.told, name + "-silent": c.silent} {
			if want == "" {
				continue
			}
			if got := way(t, tool, filepath.Join(dir, file+".mp4"), Options{}); !strings.Contains(got, want) {
				t.Errorf("%s: %q, want %s", file, got, want)
			}
		}
	}
}
