package chunk

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/recipe"
)

// Frames are converted alike with and without the CPU's vector instructions.
func TestDecodingDoesNotDependOnTheCPU(t *testing.T) {
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for source, target := range map[string]media.Picture{
		"gbrp":        {PixFmt: "yuv420p", Matrix: "gbr", Range: "pc"},
		"yuv422p10le": {PixFmt: "yuv420p", Range: "tv"},
		"yuvj444p":    {PixFmt: "yuv420p", Range: "pc"},
	} {
		segment := mediatest.Make(t, "a.mkv", "-f", "lavfi", "-i", "testsrc2=s=322x182:r=25", "-frames:v", "3", "-pix_fmt", source, "-c:v", "ffv1")
		task := queue.Task{Frames: 3, Recipe: recipe.Recipe{Picture: target}}
		var got [2]bytes.Buffer
		for i, cpu := range [][]string{nil, {"-cpuflags", "0"}} {
			cmd := tool.Command(t.Context(), append(cpu, decodeArgs(task, segment, tool.Passthrough())...)...)
			cmd.Reads(segment)
			cmd.Stdout(&got[i])
			r, err := cmd.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if err := cmd.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got[0].Len() != 3*(322*182+2*161*91) || !bytes.Equal(got[0].Bytes(), got[1].Bytes()) {
			t.Errorf("%s to %s: %d and %d bytes, not the same", source, target.PixFmt, got[0].Len(), got[1].Len())
		}
	}
}

const hashed = "#format: frame checksums\n#tb 0: 1/1000\n0,  80,  80, 40, 86400, aa\n0, 120, 120, 40, 86400, bb\n"

func TestReadHashes(t *testing.T) {
	pixels, n, err := readHashes(strings.NewReader(hashed), 2)
	if err != nil || n != 2 || len(pixels) != 64 {
		t.Errorf("%q, %d, %v", pixels, n, err)
	}
	other, _, err := readHashes(strings.NewReader(strings.Replace(hashed, "bb", "bc", 1)), 2)
	if err != nil || other == pixels {
		t.Errorf("another frame gives the same digest, %v", err)
	}
	for name, text := range map[string]string{
		"missing frame": strings.Replace(hashed, "80,  80", "40,  40", 1),
		"doubled frame": strings.Replace(hashed, "120, 120", " 80,  80", 1),
		"no time":       strings.Replace(hashed, "120, 120", "120, NOPTS", 1),
	} {
		_, _, err := readHashes(strings.NewReader(text), 2)
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Type != "frame-mismatch" || e.Class != fault.Permanent {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := readHashes(strings.NewReader("0, 80, 80\n"), 2); err == nil {
		t.Error("a line cut off is read")
	}
}

func FuzzReadHashes(f *testing.F) {
	f.Add(hashed, 2)
	f.Add("0, 80, 80, 40, 1, aa, S=1, 2\n", 2)
	f.Add("0,,,,,\n", 0)
	f.Fuzz(func(t *testing.T, text string, first int) {
		pixels, n, err := readHashes(strings.NewReader(text), first)
		if err == nil && (len(pixels) != 64 || n > strings.Count(text, "\n")+1) {
			t.Errorf("%q, %d frames", pixels, n)
		}
	})
}

func TestReadProgressOnlyRises(t *testing.T) {
	var seen []int
	last, err := readProgress(strings.NewReader("frame=0\nfps=1\nframe=  7\nframe=3\nframe=x\nframe=9\nframe=9\nprogress=end\n"), func(n int) { seen = append(seen, n) })
	if err != nil || last != 9 || len(seen) != 2 || seen[0] != 7 || seen[1] != 9 {
		t.Errorf("%d, %v, %v", last, seen, err)
	}
}
