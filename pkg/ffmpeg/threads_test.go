package ffmpeg_test

import (
	"testing"
)

// A child has as many threads as it likes in the sandbox, and no child of its own; so
// every library that starts threads in its own way is run with many.
func TestEncodersHaveThreads(t *testing.T) {
	tool := tool(t)
	if box := tool.Sandbox(); box.Processes == "" {
		t.Errorf("nothing keeps ffmpeg from processes here: %+v", box)
	}
	for name, options := range map[string][]string{
		"libx264": nil, "libx265": {"-x265-params", "pools=8:frame-threads=4:log-level=none"},
		"libsvtav1": {"-preset", "10", "-svtav1-params", "lp=4"}, "librav1e": {"-speed", "10", "-tiles", "8"},
		"libaom-av1": {"-cpu-used", "8", "-row-mt", "1"}, "libvpx-vp9": {"-cpu-used", "8", "-row-mt", "1"},
		"ffv1": {"-slices", "12"}, "prores_ks": nil, "mjpeg": nil, "mpeg2video": nil,
	} {
		args := []string{"-f", "lavfi", "-i", "testsrc2=size=320x240", "-frames:v", "12", "-pix_fmt", "yuv420p", "-c:v", name, "-threads", "8"}
		switch name {
		case "prores_ks":
			args[7] = "yuv422p10le"
		case "mjpeg":
			args[7] = "yuvj420p"
		}
		cmd := tool.Command(t.Context(), append(append(args, options...), "-f", "null", "-")...)
		if err := cmd.Run(t.Context()); err != nil {
			t.Errorf("%s: %v %s", name, err, cmd.Log())
		}
	}
}
