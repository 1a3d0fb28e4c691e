package e2e_test

import (
	"testing"

	"github.com/reweave/reweave/internal/e2e"
)

var losslessCases = map[string]losslessCase{
	"H.264 with B-frames and an edit list": {
		source: source{name: "a.mp4", film: "testsrc2=s=160x120:r=25:d=5", args: closed, cut: "-ss 1.3 |"}, frames: 92, chunks: 4, is: hasHidden,
	},
	"H.264 with open GOPs in mp4":   {source: source{name: "a.mp4", args: openGOP}, frames: 100, chunks: 3, is: hasLeads},
	"H.264 with open GOPs in mkv":   {source: source{name: "a.mkv", args: openGOP}, frames: 100, chunks: 3, is: hasLeads},
	"H.264 with open GOPs in ts":    {source: source{name: "a.ts", args: openGOP}, frames: 100, chunks: 3, is: hasLeads},
	"H.264 with open GOPs to mkv":   {source: source{name: "a.mp4", args: openGOP}, container: "mkv", frames: 100, chunks: 3, is: hasLeads},
	"H.264 with open GOPs to mov":   {source: source{name: "a.mkv", args: openGOP}, container: "mov", frames: 100, chunks: 3, is: hasLeads},
	"H.264 with intra refresh":      {source: source{name: "a.mp4", args: "-c:v libx264 -preset superfast -g 25 -x264-params intra-refresh=1"}, frames: 100, chunks: 1},
	"H.264 in 10 bits":              {source: source{name: "a.mp4", args: closed + " -pix_fmt yuv420p10le"}, frames: 100, chunks: 4, check: samePixFmt("yuv420p10le")},
	"H.264 in 4:2:2":                {source: source{name: "a.mp4", args: closed + " -pix_fmt yuv422p"}, frames: 100, chunks: 4, check: samePixFmt("yuv422p")},
	"HEVC as x265 makes it":         {source: source{name: "a.mp4", args: "-c:v libx265 -preset ultrafast -g 24 -x265-params log-level=error"}, frames: 100, chunks: 3, is: hasLeads},
	"HEVC in ts":                    {source: source{name: "a.ts", args: "-c:v libx265 -preset ultrafast -g 24 -x265-params log-level=error"}, frames: 100, chunks: 3, is: hasLeads},
	"VP9 in webm":                   {source: source{name: "a.webm", args: "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 25"}, frames: 100, chunks: 3},
	"AV1 in mp4":                    {source: source{name: "a.mp4", args: "-c:v libsvtav1 -preset 12 -g 25 -svtav1-params irefresh-type=2"}, frames: 100, chunks: 3},
	"ProRes":                        {source: source{name: "a.mov", args: "-c:v prores_ks -profile:v 0"}, frames: 100, chunks: 4, check: samePixFmt("yuv422p10le")},
	"DNxHR":                         {source: source{name: "a.mov", film: "testsrc2=s=320x180:r=25:d=4", args: "-c:v dnxhd -profile:v dnxhr_lb -pix_fmt yuv422p"}, frames: 100, chunks: 4, check: samePixFmt("yuv422p")},
	"MJPEG in avi":                  {source: source{name: "a.avi", args: "-c:v mjpeg -q:v 3"}, frames: 100, chunks: 4},
	"MPEG-4 in avi with B-frames":   {source: source{name: "a.avi", args: "-c:v mpeg4 -q:v 3 -bf 2 -g 12", read: "-fflags +genpts"}, frames: 100, chunks: 4},
	"FFV1":                          {source: source{name: "a.mkv", args: "-c:v ffv1 -g 1"}, frames: 100, chunks: 4},
	"y4m":                           {source: source{name: "a.y4m", film: filmNTSC, args: "-pix_fmt yuv420p"}, frames: 120, chunks: 4, check: everyStep(1001)},
	"variable rate":                 {source: source{name: "a.mkv", film: film25 + ",select='not(mod(n,3))+not(mod(n,7))'", args: "-fps_mode passthrough " + closed}, frames: 44, chunks: 3, is: variesIn(1000)},
	"variable rate in mp4":          {source: source{name: "a.mp4", film: film25 + ",settb=1/90000,setpts='N*3600+mod(N*N*631,900)'", args: "-fps_mode passthrough -enc_time_base -1 -video_track_timescale 90000 " + closed}, frames: 100, chunks: 3, is: variesIn(90000)},
	"MPEG-TS that starts at 3600 s": {source: source{name: "a.ts", args: closed + " -output_ts_offset 3600"}, frames: 100, chunks: 4, is: startsAt(3600, 3610)},
	"MPEG-TS whose clock wraps":     {source: source{name: "a.ts", args: closed + " -output_ts_offset 95440"}, frames: 100, chunks: 4, is: wraps},
	"MPEG-TS that was cut off":      {source: source{name: "a.ts", args: closed, kept: 0.6}, frames: 61, chunks: 3},
	"mkv that starts at 10 s":       {source: source{name: "a.mkv", args: closed + " -output_ts_offset 10"}, frames: 100, chunks: 4, is: startsAt(10, 11)},
	"one keyframe in 20 s":          {source: source{name: "a.mp4", film: "testsrc2=s=160x120:r=25:d=20", args: "-c:v libx264 -preset superfast -g 9999 -sc_threshold 0"}, chunkMin: 1, chunkMax: 2, frames: 500, chunks: 1},
	"one frame":                     {source: source{name: "a.mp4", args: "-frames:v 1 -c:v libx264"}, frames: 1, chunks: 1},
	"two frames":                    {source: source{name: "a.mkv", args: "-frames:v 2 -c:v libx264"}, frames: 2, chunks: 1},
	"interlaced MPEG-2": {
		source: source{name: "a.ts", film: interlaced, args: "-vf setfield=tff -c:v mpeg2video -q:v 3 -g 12 -bf 2 -flags +ilme+ildct"},
		frames: 100, chunks: 4, check: sameFields(1),
	},
	"interlaced MPEG-4 in avi": {
		source: source{name: "a.avi", film: interlaced, args: "-vf setfield=tff -c:v mpeg4 -q:v 3 -g 12 -flags +ilme+ildct"},
		frames: 100, chunks: 4, check: sameFields(1),
	},
	"interlaced ProRes": {
		source: source{name: "a.mov", film: interlaced, args: "-vf setfield=bff -c:v prores_ks -profile:v 0 -flags +ildct"},
		frames: 100, chunks: 4, check: sameFields(0),
	},
	"interlaced H.264": {
		source: source{name: "a.mkv", film: interlaced, args: "-vf setfield=tff -flags +ilme+ildct " + closed},
		frames: 100, chunks: 4, check: sameFields(1),
	},
	"rotated": {
		source: source{name: "a.mp4", args: closed, cut: "| -metadata:s:v:0 rotate=90"}, frames: 100, chunks: 4, check: sameRotation(90),
	},
	"rotated the other way": {
		source: source{name: "a.mp4", args: closed, cut: "| -metadata:s:v:0 rotate=270"}, frames: 100, chunks: 4, check: sameRotation(-90),
	},
	"sample aspect and colour": {
		source: source{name: "a.mkv", film: film25 + ",setsar=4/3", args: closed + " -color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range tv"},
		frames: 100, chunks: 4, check: sameColour,
	},
	"NTSC rate in 40 chunks": {
		source:   source{name: "a.mp4", film: "testsrc2=s=160x120:r=30000/1001:d=10", args: "-c:v libx264 -preset superfast -g 3 -sc_threshold 0 -video_track_timescale 30000"},
		chunkMin: 0.1, chunkMax: 0.3, frames: 300, chunks: 40, check: everyStep(1001),
	},
}

func hasHidden(t *testing.T, p e2e.Probe) {
	t.Helper()
	if hidden(p) == 0 || p.Of("video")[0].HasB == 0 {
		t.Fatal("the source has no edit list, or no B-frames")
	}
}

func hasLeads(t *testing.T, p e2e.Probe) {
	t.Helper()
	if leads(p) == 0 {
		t.Fatal("the source has closed GOPs only")
	}
}

func startsAt(from, to float64) func(*testing.T, e2e.Probe) {
	return func(t *testing.T, p e2e.Probe) {
		t.Helper()
		v := p.Of("video")[0]
		if at := float64(v.StartPTS) * v.TimeBase.Float(); at < from || at >= to {
			t.Fatalf("the source starts at %f s", at)
		}
	}
}

// wraps wants a source that begins before the moment at which the 33-bit clock of
// MPEG-TS begins anew, which a demuxer shows as a start just below 0.
func wraps(t *testing.T, p e2e.Probe) {
	t.Helper()
	first, last := p.Packets[0].PTS, p.Packets[len(p.Packets)-1].PTS
	if first >= 0 && last < 1<<33 || last-first > 5*90000 {
		t.Fatalf("the source runs from %d to %d of its clock", first, last)
	}
}

// variesIn wants frames at unequal distances, on a clock of so many ticks a second.
func variesIn(ticks int64) func(*testing.T, e2e.Probe) {
	return func(t *testing.T, p e2e.Probe) {
		t.Helper()
		steps := map[int64]bool{}
		times := shown(p)
		for i := 1; i < len(times); i++ {
			steps[times[i]-times[i-1]] = true
		}
		if tb := p.Of("video")[0].TimeBase; len(steps) < 3 || tb.Den != ticks {
			t.Fatalf("the source has the distances %v in %s", steps, tb)
		}
	}
}
