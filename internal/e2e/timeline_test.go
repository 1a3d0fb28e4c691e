package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/patch"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/store"
)

// inserted puts 20 negative frames before frame 100, and takes out those from 200 to 230.
const inserted = "split=4[a][b][c][d];[a]trim=end_frame=100[a1];[b]trim=end_frame=20,negate[b1];" +
	"[c]trim=start_frame=100:end_frame=200,setpts=PTS-STARTPTS[c1];[d]trim=start_frame=230,setpts=PTS-STARTPTS[d1];[a1][b1][c1][d1]concat=n=4"

// losslessFilm is cutFilm without a loss: renders with other coders have other packets and
// the same pictures.
func losslessFilm(t *testing.T, filter, coder string) string {
	t.Helper()
	return kept(t, "in.mov", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=12,format=yuv420p", "-f", "lavfi", "-i", "sine=f=440:r=48000:d=12",
		"-filter_complex", "[0:v]"+filter, "-map", "1:a", "-c:v", "ffv1", "-coder", coder, "-g", "1", "-c:a", "pcm_s16le", "-shortest")
}

// rollOf is an EDL of shots: reel, first frame, number of frames.
func rollOf(shots ...any) string {
	tc := func(n int) string { return fmt.Sprintf("01:%02d:%02d:%02d", n/1500, n/25%60, n%25) }
	b, record := "TITLE: roll\r\nFCM: NON-DROP FRAME\r\n\r\n", 0
	for i := 0; i < len(shots); i += 3 {
		at, n := shots[i+1].(int), shots[i+2].(int)
		b += fmt.Sprintf("%03d  %-8s V     C        %s %s %s %s\r\n", i/3+1, shots[i], tc(at), tc(at+n), tc(record), tc(record+n))
		record += n
	}
	return b
}

var (
	oldRoll = rollOf("FILM", 0, 150, "FILM", 150, 150)
	newRoll = rollOf("FILM", 0, 100, "FLASH", 0, 20, "FILM", 100, 100, "FILM", 230, 70)
)

// lay puts a file into a directory.
func lay(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func digestOf(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum, _, err := store.Digest(f)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// manifestOf reads the manifest of what was made in dir's data directory.
func manifestOf(t *testing.T, dir, file string) *plan.Manifest {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "data", "objects", "reweave", "manifests", digestOf(t, filepath.Join(dir, file))+".json"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := plan.DecodeManifest(raw)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sameFrames wants the frames of a file, in order, and a time of 1/25 s for each.
func sameFrames(t *testing.T, path string, want []testenv.Frame) {
	t.Helper()
	got := testenv.FrameHashes(t, path)
	if len(got) != len(want) {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	for i, f := range got {
		at := float64(f.PTS-got[0].PTS) * f.TimeBase.Float()
		if f.Hash != want[i].Hash || at < float64(i)/25-0.0001 || at > float64(i)/25+0.0001 {
			t.Fatalf("frame %d at %.4f s is another one", i, at)
		}
	}
}

// TestAPatchByEditLists renders a changed timeline anew, so that no packet is the same, and
// has the lists tell what is. A chunk that turns out to be damaged is encoded of the render.
func TestAPatchByEditLists(t *testing.T) {
	t.Parallel()
	film, render := losslessFilm(t, "null", "0"), losslessFilm(t, inserted, "1")
	dir := based(t, film, "base.mp4", append([]string{"--audio", "aac"}, exactly...)...)
	lay(t, dir, "old.edl", oldRoll)
	lay(t, dir, "new.edl", newRoll)
	base, frames := manifestOf(t, dir, "base.mp4"), testenv.FrameHashes(t, film)
	want := slices.Concat(frames[:100], testenv.FrameHashes(t, losslessFilm(t, "negate,trim=end_frame=20", "0")), frames[100:200], frames[230:])

	r := patchOf(t, dir, "base.mp4", render, "out.mp4", "--edl", "old.edl", "--edl", "new.edl")
	sameFrames(t, filepath.Join(dir, "out.mp4"), want)
	keys := map[string]bool{}
	for _, c := range manifestOf(t, dir, "out.mp4").Chunks {
		keys[c.Key] = true
	}
	kept := 0
	for _, c := range base.Chunks {
		end := c.Start + c.Frames
		whole := end <= 100 || c.Start >= 100 && end <= 200 || c.Start >= 230
		if whole != keys[c.Key] {
			t.Errorf("the chunk of frames %d to %d: kept is %t", c.Start, end, keys[c.Key])
		}
		if whole {
			kept++
		}
	}
	if kept < 4 || r.Chunks.Reused != kept || r.State != job.Done {
		t.Errorf("%d chunks could be kept, and the result is %+v", kept, r)
	}
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "lists tell timing") }) {
		t.Errorf("it doesn't say what lists don't see: %q", r.Notes)
	}
	verified(t, dir, "out.mp4", "base.mp4", 0, "")
	if report := reportOf(t, r.Report); report.Same != "timeline" || len(report.Kept) < 2 {
		t.Errorf("the report is %+v", report)
	}

	// From scratch the frames are the same, and every chunk is another one: without the lists
	// every picture looks new.
	scratch := t.TempDir()
	e2e.Command(t, scratch, append([]string{"encode", render, "-o", "scratch.mp4", "--audio", "aac"}, exactly...)...).Succeed()
	sameFrames(t, filepath.Join(scratch, "scratch.mp4"), want)
	fresh := manifestOf(t, scratch, "scratch.mp4")
	for _, c := range base.Chunks {
		if slices.ContainsFunc(fresh.Chunks, func(f plan.ManifestChunk) bool { return f.Key == c.Key }) {
			t.Errorf("the renders share the packets of frames %d to %d", c.Start, c.Start+c.Frames)
		}
	}

	// What was damaged, and what is gone, is encoded of the render.
	chunks := filepath.Join(dir, "data", "objects", "reweave", "chunks")
	damaged := filepath.Join(chunks, base.Chunks[1].Key[:2], base.Chunks[1].Key)
	if err := os.WriteFile(damaged, make([]byte, base.Chunks[1].Bytes), 0o600); err != nil {
		t.Fatal(err)
	}
	patchOf(t, dir, "base.mp4", render, "mended.mp4", "--edl", "old.edl", "--edl", "new.edl")
	sameFrames(t, filepath.Join(dir, "mended.mp4"), want)
	if err := os.RemoveAll(chunks); err != nil {
		t.Fatal(err)
	}
	if again := patchOf(t, dir, "base.mp4", render, "again.mp4", "--edl", "old.edl", "--edl", "new.edl"); again.Chunks.Reused != 0 || !strings.Contains(fmt.Sprint(again.Notes), fmt.Sprintf("%d chunks of the other deliverable are not in the store any more", kept)) {
		t.Errorf("with an empty store the result is %+v", again)
	}
	sameFrames(t, filepath.Join(dir, "again.mp4"), want)
}

func reportOf(t *testing.T, path string) *patch.Report {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := patch.DecodeReport(b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRangesFromLists replaces what a table and what markers name.
func TestRangesFromLists(t *testing.T) {
	t.Parallel()
	film, whole, short := cutFilm(t, "null"), cutFilm(t, "negate"), cutFilm(t, "negate,trim=end_frame=20")
	frames, negated := testenv.FrameHashes(t, film), testenv.FrameHashes(t, whole)
	dir := based(t, film, "base.mp4", append([]string{"--audio", "aac"}, exactly...)...)
	if err := os.Mkdir(filepath.Join(dir, "lists"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(short, filepath.Join(dir, "lists", "short.mov")); err != nil {
		t.Fatal(err)
	}
	lay(t, dir, "lists/table.csv", "in,out,fix\n01:00:04:00,01:00:04:20,short.mov\n200f,220f,\n")
	lay(t, dir, "lists/markers.edl", "TITLE: x\n\n001  001      V     C        01:00:04:00 01:00:04:01 01:00:04:00 01:00:04:01  \n |C:ResolveColorBlue |M:Sky |D:30\n")
	for name, tc := range map[string]struct {
		args []string
		want []testenv.Frame
	}{
		"table":   {[]string{"--ranges", "lists/table.csv", "--fix", short}, nil},
		"markers": {[]string{"--ranges", "lists/markers.edl", "--fix", whole, "--aligned"}, slices.Concat(frames[:100], negated[100:130], frames[130:])},
	} {
		out := name + ".mp4"
		args := append([]string{"--start", "01:00:00:00"}, tc.args...)
		if tc.want == nil { // two ranges, and one file that holds one of them
			mistaken(t, dir, "one file can't hold each of 2 ranges alone", append([]string{"base.mp4", "--source", film}, args...)...)
			lay(t, dir, "lists/table.csv", "in,out,fix\n01:00:04:00,01:00:04:20,short.mov\n200f,220f,short.mov\n")
			args, tc.want = args[:4], slices.Concat(frames[:100], negated[:20], frames[120:200], negated[:20], frames[220:])
		}
		patchOf(t, dir, "base.mp4", film, out, args...)
		sameFrames(t, filepath.Join(dir, out), tc.want)
	}
}

// mistaken wants a patch to be refused in words, and nothing written.
func mistaken(t *testing.T, dir, says string, args ...string) {
	t.Helper()
	p := e2e.Command(t, dir, append(append([]string{"patch"}, args...), "-o", "refused.mp4", "--data", "data")...)
	if code := p.Run(); code != 2 || !strings.Contains(p.Stderr.String(), says) {
		t.Errorf("exit code %d, want %q: %s", code, says, &p.Stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "refused.mp4")); err == nil {
		t.Errorf("%s: there is a file", says)
	}
}

// TestMistakesInListsAreTold wants each in one line that names the list.
func TestMistakesInListsAreTold(t *testing.T) {
	t.Parallel()
	film, render := losslessFilm(t, "null", "0"), losslessFilm(t, inserted, "1")
	dir := based(t, film, "base.mp4", append([]string{"--audio", "none"}, exactly...)...)
	for name, text := range map[string]string{
		"old.edl": oldRoll, "new.edl": newRoll, "short.edl": rollOf("FILM", 0, 290), "long.edl": newRoll + "009  X V C 00:00:00:00 00:00:00:02 01:00:11:15 01:00:11:17",
		"late.csv": "in,out,fix\n01:00:00:00,01:00:01:00,x.mov\n", "bare.csv": "in,out\n0f,5f\n", "torn.edl": "001 X V C 1 2 3 4\n",
	} {
		lay(t, dir, name, text)
	}
	for says, args := range map[string][]string{
		"it is given 1 times":                                             {"--edl", "old.edl"},
		"it says by itself what changed":                                  {"--edl", "old.edl", "--edl", "new.edl", "--ripple"},
		"none.edl: there is no such file":                                 {"--edl", "old.edl", "--edl", "none.edl"},
		"short.edl: it is 290 frames long, from 01:00:00:00 to":           {"--edl", "short.edl", "--edl", "new.edl"},
		"torn.edl:1: ":                                                    {"--edl", "old.edl", "--edl", "torn.edl"},
		"it has 290 frames, and what it was compared by 292":              {"--edl", "old.edl", "--edl", "long.edl"},
		"late.csv:2: it ends with frame 90025 of base.mp4, which has 300": {"--ranges", "late.csv"},
		"bare.csv:2: nothing says what replaces it":                       {"--ranges", "bare.csv"},
		"it is for the ranges of --ranges, and there are none":            {"--fix", "x.mov"},
		"it is for lists, and there is none":                              {"--start", "01:00:00:00"},
		"it checks what --edl takes for the same, and there is none":      {"--verify", "pixels"},
		"check what it says with --verify pixels":                         {"--edl", "old.edl", "--edl", "new.edl", "--same", "pixels"},
		"--verify packets: there is no such depth":                        {"--edl", "old.edl", "--edl", "new.edl", "--verify", "packets"},
		"--verify eye and --tolerance need each other":                    {"--edl", "old.edl", "--edl", "new.edl", "--verify", "eye"},
		`"1h" is no timecode`:                                             {"--start", "1h", "--ranges", "bare.csv"},
	} {
		mistaken(t, dir, says, append([]string{"base.mp4", "--source", render}, args...)...)
	}
}
