package patch

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media/mediatest"
)

// gop is the length of the groups of pictures of these films, of which each has eight.
const gop = 10

func made(t *testing.T, filter string) string {
	t.Helper()
	return mediatest.Make(t, "a.mp4", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=3.2", "-vf", filter,
		"-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-qp", "24",
		"-x264-params", fmt.Sprintf("keyint=%d:scenecut=0:open-gop=0:b-adapt=0:mbtree=0:weightp=0", gop))
}

func readFilm(t *testing.T, tool *ffmpeg.Tool, path string) *Film {
	t.Helper()
	f, err := Read(t.Context(), tool, path, "film")
	if err != nil || f.Frames() != 8*gop {
		t.Fatal(f, err)
	}
	return f
}

// claimed says of two films of eight groups that all but the fifth one is the same.
func claimed() Comparison {
	return Comparison{
		Kept:    []Kept{{Old: Frames{0, 4 * gop}, New: Frames{0, 4 * gop}}, {Old: Frames{5 * gop, 8 * gop}, New: Frames{5 * gop, 8 * gop}}},
		Changes: []Change{{Old: Frames{4 * gop, 5 * gop}, New: Frames{4 * gop, 5 * gop}}},
	}
}

func seamsOf(t *testing.T, tool *ffmpeg.Tool, base, out *Film) (problem string) {
	t.Helper()
	seams, err := checkSeams(t.Context(), &reel{Film: base, tool: tool}, &reel{Film: out, tool: tool}, claimed())
	if err != nil || len(seams) != 2 {
		t.Fatal(seams, err)
	}
	kept := 0
	for _, s := range seams {
		problem, kept = problem+s.Problem, kept+s.Kept
	}
	if problem == "" && kept != 6*gop {
		t.Fatalf("%d frames were compared, want %d: two groups before each seam that are kept, and behind", kept, 6*gop)
	}
	return problem
}

// A frame that is not what it was, though it is taken for kept, is found wherever it lies
// within two groups of a seam.
func TestSeamsFindEveryFrameThatChanged(t *testing.T) {
	mediatest.NoLeaks(t)
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	base := readFilm(t, tool, made(t, "null"))
	redrawn := fmt.Sprintf("negate=enable='between(n,%d,%d)'", 4*gop, 5*gop-1)
	if problem := seamsOf(t, tool, base, readFilm(t, tool, made(t, redrawn))); problem != "" {
		t.Fatal(problem)
	}
	for _, frame := range []int{2 * gop, 3*gop - 1, 3 * gop, 4*gop - 1, 5 * gop, 6*gop - 1, 6 * gop, 7*gop - 1} {
		spot := fmt.Sprintf("drawbox=x=4:y=4:w=24:h=24:t=fill:c=white:enable='eq(n,%d)'", frame)
		problem := seamsOf(t, tool, base, readFilm(t, tool, made(t, redrawn+","+spot)))
		var n, old int
		if _, err := fmt.Sscanf(problem, "frame %d is not frame %d of film any more", &n, &old); err != nil || n != old || n/gop != frame/gop {
			t.Errorf("with another frame %d, the seams say %q", frame, problem)
		}
	}
}

// What doesn't decode is found in the new groups, too, of which no frame is compared.
func TestSeamsFindWhatDoesNotDecode(t *testing.T) {
	mediatest.NoLeaks(t)
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	path := made(t, "null")
	base := readFilm(t, tool, path)
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{2*gop + 1, 4*gop + 2, 5*gop - 1, 7*gop - 1} {
		at := bytes.Index(all, []byte("mdat")) + 4
		for _, p := range base.Packets[:n] {
			at += p.Bytes
		}
		b := bytes.Clone(all)
		b[at] = 0x7f // the packet's first unit is longer than the file
		broken := *base
		broken.Path = path + fmt.Sprintf(".%d.mp4", n)
		if err := os.WriteFile(broken.Path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if problem := seamsOf(t, tool, base, &broken); !strings.Contains(problem, "the decoder") {
			t.Errorf("with packet %d damaged, the seams say %q", n, problem)
		}
	}
}

// What differs outside of what a report announces is found in the packets, wherever it is, in
// the parameter sets, and in what an edit list hides.
func TestProofFindsWhatWasNotAnnounced(t *testing.T) {
	mediatest.NoLeaks(t)
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	base := readFilm(t, tool, made(t, "null"))
	redrawn := fmt.Sprintf("negate=enable='between(n,%d,%d)'", 4*gop, 5*gop-1)
	out := readFilm(t, tool, made(t, redrawn))
	report, err := Prove(t.Context(), tool, base, out, false, nil)
	if err != nil || report.Covers(report) != nil {
		t.Fatal(err, report.Covers(report))
	}
	others := map[string]*Film{}
	for _, frame := range []int{0, 2 * gop, 6*gop + 1, 8*gop - 1} {
		spot := fmt.Sprintf("%s,drawbox=x=4:y=4:w=24:h=24:t=fill:c=white:enable='eq(n,%d)'", redrawn, frame)
		others[fmt.Sprintf("frame %d", frame)] = readFilm(t, tool, made(t, spot))
	}
	sets, hidden := *out, *out
	sets.Config = bytes.Clone(out.Config)
	sets.Config[16] ^= 1 // in the SPS
	hidden.Hidden = "ab"
	others["parameter sets"], others["hidden packets"] = &sets, &hidden
	for name, film := range others {
		found, err := Prove(t.Context(), tool, base, film, false, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		if err := report.Covers(found); err == nil || !strings.Contains(err.Error(), "the report doesn't say so") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
