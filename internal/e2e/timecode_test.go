package e2e_test

import (
	"path/filepath"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/media/mediatest"
)

// clock is the timecode of a file's first frame, as its track of timecode has it.
type clock struct {
	Tag  string `json:"codec_tag_string"`
	Rate string `json:"avg_frame_rate"`
	Tags struct{ Timecode string }
}

func clockOf(t *testing.T, path string) clock {
	t.Helper()
	var found struct{ Streams []clock }
	mediatest.Probe(t, path, &found, "-select_streams", "d:0", "-show_streams")
	if len(found.Streams) != 1 {
		t.Fatalf("%s has %d tracks of data, want that of its timecode", path, len(found.Streams))
	}
	return found.Streams[0]
}

// TestTimecodesAreKept encodes and patches films with a track of timecode, which editors
// place them by.
func TestTimecodesAreKept(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ rate, start, container string }{
		"drop-frame":     {"30000/1001", "00:59:58;28", "mov"},
		"non-drop-frame": {"30000/1001", "00:59:58:28", "mp4"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			film := func(filter, frames string) string {
				return testenv.Media(t, "in.mov", "-f", "lavfi", "-i", "testsrc2=s=160x120:r="+tc.rate+",format=yuvj420p", "-vf", filter, "-frames:v", frames,
					"-timecode", tc.start, "-c:v", "mjpeg", "-q:v", "3")
			}
			source, dir := film("null", "90"), t.TempDir()
			base, out := "base."+tc.container, "out."+tc.container
			r := e2e.Command(t, dir, append([]string{"encode", source, "-o", base, "--audio", "copy"}, exactly...)...).Succeed()
			if len(r.Notes) != 0 {
				t.Errorf("the notes are %q", r.Notes)
			}
			patchOf(t, dir, base, source, out, "--range", "40f-50f="+film("negate", "10"))
			for _, name := range []string{base, out} {
				got := clockOf(t, filepath.Join(dir, name))
				if got.Tag != "tmcd" || got.Tags.Timecode != tc.start || got.Rate != tc.rate {
					t.Errorf("%s has the timecode %+v, want %s", name, got, tc.start)
				}
			}
			verified(t, dir, out, base, 0, "")
		})
	}
}
