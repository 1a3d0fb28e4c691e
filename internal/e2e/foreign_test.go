package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/foreign"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/patch"
)

// TestAFilmMadeElsewhereIsPatched puts frames into a film that Reweave didn't make, and
// proves it with the files alone.
func TestAFilmMadeElsewhereIsPatched(t *testing.T) {
	t.Parallel()
	base := testenv.Media(t, "master.mp4", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=4", "-f", "lavfi", "-i", "sine=f=440:r=48000:d=4",
		"-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac")
	fix := testenv.Media(t, "fix.mkv", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=0.4,negate", "-c:v", "ffv1", "-pix_fmt", "yuv420p")
	was, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := e2e.Command(t, dir, "patch", "--foreign", base, "--range", "00:00:01:05-00:00:01:15="+fix, "-o", "out.mp4", "--json")
	if code := p.Run(); code != 0 {
		t.Fatalf("exit code %d: %s", code, &p.Stderr)
	}
	p.Gone()
	var r struct {
		State   string            `json:"state"`
		Output  string            `json:"output"`
		Changes []patch.Announced `json:"changes"`
		Splice  foreign.Splice    `json:"splice"`
		Frames  int               `json:"frames"`
		Chunks  job.Chunks        `json:"chunks"`
		Bytes   int64             `json:"bytes"`
		Report  string            `json:"report"`
		CPU     float64           `json:"encode_seconds"`
		Length  float64           `json:"duration"`
	}
	if err := json.Unmarshal([]byte(p.Stdout.String()), &r); err != nil {
		t.Fatalf("%v in %s", err, &p.Stdout)
	}
	want := patch.Frames{From: 25, To: 50}
	if r.State != "done" || len(r.Changes) != 1 || r.Changes[0].New != want || r.Splice.Way != "clone" || len(r.Splice.Regions) != 1 || r.Splice.Regions[0].Again != 15 {
		t.Errorf("%+v", r)
	}
	if r.Frames != 100 || r.Chunks != (job.Chunks{Total: 4, Encoded: 1, Reused: 3}) || r.Bytes == 0 || r.CPU <= 0 || r.Length != 4 || r.Report != r.Output+".patch.json" {
		t.Errorf("%+v", r)
	}
	page, err := os.ReadFile(filepath.Join(dir, "out.mp4.patch.html"))
	if err != nil || !strings.Contains(string(page), "<li>Frames 25–49, of which 15 lost a generation") {
		t.Errorf("the page doesn't tell what was lost: %v", err)
	}
	a, b := testenv.FrameHashes(t, base), testenv.FrameHashes(t, filepath.Join(dir, "out.mp4"))
	for i := range a {
		if inside := i >= want.From && i < want.To; len(b) != len(a) || (a[i] == b[i]) == inside {
			t.Fatalf("frame %d of %d and %d", i, len(a), len(b))
		}
	}
	if is, err := os.ReadFile(base); err != nil || string(is) != string(was) {
		t.Error("BASE was touched")
	}
	if v := e2e.Command(t, dir, "verify", "out.mp4", "--against", base, "--html", "again.html"); v.Run() != 0 {
		t.Errorf("verify: %s", &v.Stderr)
	}
	if again, err := os.ReadFile(filepath.Join(dir, "again.html")); err != nil || withoutNames(again) != withoutNames(page) {
		t.Errorf("verify makes another page than the patch did, %v:\n%s\nwant\n%s", err, withoutNames(again), withoutNames(page))
	}

	// A change that the report doesn't announce: another patch under the same report.
	if p := e2e.Command(t, dir, "patch", "--foreign", base, "--range", "80f-90f="+fix, "-o", "other.mp4", "-q"); p.Run() != 0 || p.Stdout.String() != "" {
		t.Errorf("%s%s", &p.Stdout, &p.Stderr)
	}
	v := e2e.Command(t, dir, "verify", "other.mp4", "--against", base, "--report", "out.mp4.patch.json")
	if code := v.Run(); code != 1 || !strings.Contains(v.Stderr.String(), "they differ, and the report doesn't say so") {
		t.Errorf("exit code %d: %s", code, &v.Stderr)
	}
}

// withoutNames is a page without its pictures and the names of the files, which the two
// commands are given as they like.
func withoutNames(page []byte) string {
	page = regexp.MustCompile(`src="[^"]*"|[^ >]*(master|out)\.mp4`).ReplaceAll(page, nil)
	return string(page)
}

func TestForeignPatchesThatCanNotBe(t *testing.T) {
	t.Parallel()
	base := testenv.Media(t, "master.mp4", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=2", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
	dir := t.TempDir()
	for name, c := range map[string]struct {
		args string
		says string
	}{
		"no range":          {"-o out.mp4", "there is nothing to put into BASE"},
		"a source":          {"-o out.mp4 --range 0f-1f=BASE --source BASE", "--source: with --foreign it has a meaning only with --edl"},
		"no output":         {"--range 0f-1f=BASE", "there is no OUT"},
		"onto itself":       {"--range 0f-1f=BASE -o BASE -y", "OUTPUT is the same file as INPUT"},
		"another container": {"--range 0f-1f=BASE -o out.mov", "BASE is mp4, not mov"},
		"not the length":    {"--range 0f-1f=BASE -o out.mp4", "it has 50 frames, and is to replace 1"},
		"beyond the end":    {"--range 49f-51f=BASE -o out.mp4", "=FILM: FILM has 50 frames, and the range ends at frame 51"},
		"no range at all":   {"--range 9f-9f=BASE -o out.mp4", "--range 9f-9f=FILM: it is no range"},
		"no such quality":   {"--range 0f-1f=BASE -o out.mp4 --crf 999", "--crf 999: there is no such quality of h264"},
		"no such preset":    {"--range 0f-1f=BASE -o out.mp4 --preset fats", "--preset fats: there is no such preset of h264"},
		"other sound":       {"--range 0f-1f=BASE -o out.mp4 --audio loud", "there is no way \"loud\" to patch the sound"},
		"no new sound":      {"--range 0f-1f=BASE -o out.mp4 --audio new", "there is no NEW, whose sound it would be"},
		"lists, no render":  {"--edl a --edl b -o out.mp4", "there is no NEW"},
		"unknown way":       {"--range 0f-1f=BASE -o out.mp4 --parameters any", "there is no such way"},
		"a fix elsewhere":   {"--range 0f-1f=https://example.com/a.mov -o out.mp4", "a fix must be a file here"},
	} {
		p := e2e.Command(t, dir, append([]string{"patch", "--foreign", base}, strings.Fields(strings.ReplaceAll(c.args, "BASE", base))...)...)
		if code := p.Run(); code != 2 || !strings.Contains(p.Stderr.String(), strings.ReplaceAll(c.says, "FILM", base)) {
			t.Errorf("%s: exit code %d, %s", name, code, &p.Stderr)
		}
	}
	p := e2e.Command(t, dir, "patch", base, "--source", base, "-o", "out.mp4", "--crf", "10")
	if code := p.Run(); code != 2 || !strings.Contains(p.Stderr.String(), "no meaning without --foreign") {
		t.Errorf("exit code %d, %s", code, &p.Stderr)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*out*")); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestAFilmMadeElsewhereIsPatchedByLists takes from a new render what two lists don't show
// to be the same, and then, in Matroska, what a list of markers names.
func TestAFilmMadeElsewhereIsPatchedByLists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	film := "testsrc2=s=160x120:r=25:d=4"
	base := testenv.Media(t, "master.mkv", "-f", "lavfi", "-i", film, "-f", "lavfi", "-i", "sine=f=440:r=48000:d=4",
		"-c:v", "ffv1", "-level", "3", "-g", "1", "-pix_fmt", "yuv420p", "-c:a", "flac")
	render := testenv.Media(t, "render.mov", "-f", "lavfi", "-i", film+",negate", "-c:v", "ffv1", "-pix_fmt", "yuv420p")
	was, fresh := testenv.FrameHashes(t, base), testenv.FrameHashes(t, render)
	// check wants the render's frames in the ranges, and BASE's outside of them.
	check := func(out string, ranges ...patch.Frames) {
		t.Helper()
		is := testenv.FrameHashes(t, filepath.Join(dir, out))
		for i := range was {
			want := was[i]
			if slices.ContainsFunc(ranges, func(f patch.Frames) bool { return f.From <= i && i < f.To }) {
				want = fresh[i]
			}
			if len(is) != len(was) || is[i].Hash != want.Hash {
				t.Fatalf("%s: frame %d of %d is another one", out, i, len(is))
			}
		}
	}
	lay(t, dir, "old.edl", rollOf("FILM", 0, 60, "TREE", 0, 40))
	lay(t, dir, "new.edl", rollOf("FILM", 0, 30, "BIRD", 0, 10, "FILM", 40, 20, "TREE", 5, 40))
	run := func(args ...string) *e2e.Program {
		t.Helper()
		p := e2e.Command(t, dir, args...)
		if code := p.Run(); code != 0 {
			t.Fatalf("%v: exit code %d, %s", args, code, &p.Stderr)
		}
		return p
	}
	p := run("patch", "--foreign", base, "--edl", "old.edl", "--edl", "new.edl", "--source", render, "-o", "out.mkv", "--audio", "keep")
	if !strings.Contains(p.Stdout.String(), "lists tell timing") || !strings.Contains(p.Stdout.String(), "50 encoded, 50 reused") {
		t.Errorf("%s", &p.Stdout)
	}
	if !strings.Contains(p.Stderr.String(), "proving that nothing else changed") {
		t.Errorf("%s", &p.Stderr)
	}
	check("out.mkv", patch.Frames{From: 30, To: 40}, patch.Frames{From: 60, To: 100})
	run("verify", "out.mkv", "--against", base)

	lay(t, dir, "ranges.csv", "start,end,name\n00:00:00:10,00:00:00:20,flash\n00:00:02:00,00:00:02:10,tree\n")
	run("patch", "--foreign", base, "--ranges", "ranges.csv", "--fix", render, "--aligned", "-o", "marked.mkv")
	check("marked.mkv", patch.Frames{From: 10, To: 20}, patch.Frames{From: 50, To: 60})

	lay(t, dir, "longer.edl", rollOf("FILM", 0, 30, "BIRD", 0, 11, "FILM", 40, 20, "TREE", 5, 40))
	for says, args := range map[string]string{
		"can't move":                "--edl old.edl --edl longer.edl",
		"the lists show no change":  "--edl old.edl --edl old.edl",
		"it is 101 frames long":     "--edl longer.edl --edl old.edl",
		"it says by itself what ch": "--edl old.edl --edl new.edl --range 0f-1f=" + render,
	} {
		p := e2e.Command(t, dir, append(strings.Fields("patch --foreign "+base+" -o no.mkv --source "+render), strings.Fields(args)...)...)
		if code := p.Run(); code != 2 || !strings.Contains(p.Stderr.String(), says) {
			t.Errorf("%s: exit code %d, %s", says, code, &p.Stderr)
		}
	}
}

// TestTheSoundOfAFilmMadeElsewhereIsPatched takes the fix's sound into a range, and then
// the sound of another file as a whole.
func TestTheSoundOfAFilmMadeElsewhereIsPatched(t *testing.T) {
	t.Parallel()
	film := func(name, tone string) string {
		return testenv.Media(t, name, "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=2", "-f", "lavfi", "-i", "sine=r=48000:d=2:f="+tone,
			"-c:v", "prores_ks", "-profile:v", "0", "-c:a", "pcm_s16le")
	}
	base, fix := film("master.mov", "440"), film("fix.mov", "660")
	dir := t.TempDir()
	sound := func(path string) []byte {
		b, err := os.ReadFile(testenv.Media(t, "sound.raw", "-i", path, "-map", "0:a", "-f", "s16le"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	was, other := sound(base), sound(fix)
	for _, way := range []string{"keep", "new", "patch"} {
		out := way + ".mov"
		args := []string{"patch", "--foreign", base, "--range", "10f-20f=" + fix, "--aligned", "-o", out, "--audio", way, "--json"}
		if way == "new" {
			args = append(args, "--source", fix)
		}
		p := e2e.Command(t, dir, args...)
		if code := p.Run(); code != 0 {
			t.Fatalf("%s: exit code %d, %s", way, code, &p.Stderr)
		}
		var r struct {
			Chunks job.Chunks `json:"chunks"`
		}
		if err := json.Unmarshal([]byte(p.Stdout.String()), &r); err != nil {
			t.Fatal(err)
		}
		if r.Chunks != (job.Chunks{Total: 50, Encoded: 10, Reused: 40}) {
			t.Errorf("%s: %+v", way, r.Chunks)
		}
		is := sound(filepath.Join(dir, out))
		const frame, fade = 2 * 48000 / 25, 2 * 240
		same := func(from, to int, want []byte) bool { return bytes.Equal(is[from:to], want[from:to]) }
		good := len(is) == len(was) && map[string]bool{
			"keep":  bytes.Equal(is, was),
			"new":   bytes.Equal(is, other),
			"patch": same(0, 10*frame, was) && same(10*frame+fade, 20*frame-fade, other) && same(20*frame+fade, len(was), was),
		}[way]
		if !good {
			t.Errorf("%s: the sound is another one, of %d bytes instead of %d", way, len(is), len(was))
		}
		if report, err := os.ReadFile(filepath.Join(dir, out+".patch.json")); err != nil || !strings.Contains(string(report), map[string]string{"keep": "BASE's", "new": "that of NEW", "patch": "that of the fixes"}[way]) {
			t.Errorf("%s: %v in %s", way, err, report)
		}
	}
}
