package foreign

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media/mediatest"
)

func TestParameterSetsOfX265(t *testing.T) {
	mediatest.NoLeaks(t)
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const two = "-x265-params log-level=none:pass="
	stats := ":stats=" + filepath.Join(t.TempDir(), "stats")
	mediatest.Run(t, strings.Fields("-f lavfi -i testsrc2=s=128x96:r=25:d=0.4 -pix_fmt yuv420p -c:v libx265 -preset ultrafast -g 5 -b:v 200k "+two+"1"+stats+" -f null -")...)
	table := map[string]chosen{
		"two passes":  {args: "-b:v 200k " + two + "2" + stats, told: "clone"},
		"no settings": {args: "-preset slow -x265-params log-level=none:info=0", told: "same"},
		"open, 4:2:2": {args: "-preset medium -x265-params log-level=none:open-gop=1", pixFmt: "yuv422p10le", told: "clone"},
		"buffered":    {args: "-x265-params log-level=none:vbv-maxrate=500:vbv-bufsize=500:hrd=1:aud=1", told: "clone"},
		"HDR10": {
			args: "-color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -x265-params log-level=none:hdr10=1:max-cll=1000,400:" +
				"master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)",
			pixFmt: "yuv420p10le", told: "clone",
		},
		"matrices, signal": {args: "-x265-params log-level=none:scaling-list=default:videoformat=pal:overscan=show", told: "clone"},
		"other preset":     {args: "-x265-params log-level=none:info=0:cbqpoffs=2:tskip=1", told: "PPS.CbQpOffset is 0 instead of 2"},
	}
	dir := films(t, "testsrc2=s=128x96:r=25:d=0.4", "-tag:v hvc1 -c:v libx265 -preset ultrafast -g 5", "filter_units=remove_types=39", table)
	for name, c := range table {
		if got := way(t, tool, filepath.Join(dir, name+".mp4"), Options{}); !strings.Contains(got, c.told) {
			t.Errorf("%s: %q, want %s", name, got, c.told)
		}
	}
}
