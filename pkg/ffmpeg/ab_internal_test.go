package ffmpeg

import (
	"testing"

	"github.com/reweave/reweave/pkg/sandbox"
)

func TestAB(t *testing.T) {
	tool, err := Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	full := tool.box
	var cpu [2]float64
	for range 5 {
		for i, b := range []sandbox.Box{{Program: full.Program}, full} {
			tool.box = b
			dir := t.TempDir()
			cmd := tool.Command(t.Context(), "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=4", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-threads", "1", "-y", dir+"/a.mp4")
			cmd.Writes(dir)
			if err := cmd.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			cpu[i] += cmd.CPUSeconds()
		}
	}
	t.Logf("CPU of 5 encodes: %.2f s without, %.2f s with: %+.2f %%", cpu[0], cpu[1], 100*(cpu[1]/cpu[0]-1))
}
