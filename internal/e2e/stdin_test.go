package e2e_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
)

// TestStdinIsEncodedAsItComes pipes y4m, as VapourSynth writes it, and MPEG-TS.
func TestStdinIsEncodedAsItComes(t *testing.T) {
	for name, tc := range map[string]struct {
		source
		// piped are the arguments of the ffmpeg that writes to the program.
		piped []string
	}{
		"y4m":     {source{name: "a.y4m", film: filmNTSC, args: "-pix_fmt yuv420p"}, []string{"-f", "yuv4mpegpipe"}},
		"MPEG-TS": {source{name: "a.ts", film: filmNTSC, args: openGOP}, []string{"-c", "copy", "-copyts", "-muxdelay", "0", "-f", "mpegts"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, dir := tc.create(t), t.TempDir()
			p := e2e.Command(t, dir, "encode", "-", "-o", "out.mp4", "--qp", "0", "--preset", "superfast",
				"--chunk-min", "0.3", "--chunk-max", "1", "--data", "data", "--json")
			writer := exec.CommandContext(t.Context(), "ffmpeg", append(append([]string{"-v", "error", "-i", src}, tc.piped...), "-")...)
			pipe, err := writer.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			p.Stdin = pipe
			if err := writer.Start(); err != nil {
				t.Fatal(err)
			}
			r := p.Succeed()
			if err := writer.Wait(); err != nil {
				t.Errorf("the writer: %v", err)
			}
			want := tc.source.frames(t, src)
			if r.Frames != len(want) || r.Chunks.Total < 3 {
				t.Errorf("got %+v for %d frames", r, len(want))
			}
			out := filepath.Join(dir, "out.mp4")
			e2e.SameFrames(t, want, testenv.FrameHashes(t, out), e2e.Exact)
			e2e.DecodesCleanly(t, out)
		})
	}
}
