package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/patch"
)

// patchResult is what patch --json prints.
type patchResult struct {
	e2e.Result
	Changes []patch.Announced `json:"changes"`
	Report  string            `json:"report"`
}

// settings of the deliverables that are patched here.
var settings = []string{"--data", "data", "--json", "--preset", "veryfast", "--chunk-min", "0.5", "--chunk-max", "2", "--audio", "aac"}

// cut is a film of 12 s with sound, changed by a filter.
func cutFilm(t *testing.T, filter string) string {
	t.Helper()
	return kept(t, "in.mov", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=12,format=yuvj420p", "-f", "lavfi", "-i", "sine=f=440:r=48000:d=12",
		"-filter_complex", "[0:v]"+filter, "-map", "1:a", "-c:v", "mjpeg", "-q:v", "3", "-c:a", "pcm_s16le")
}

// patchOf runs patch and reads what it prints.
func patchOf(t *testing.T, dir, base, source, out string, more ...string) patchResult {
	t.Helper()
	p := e2e.Command(t, dir, append([]string{"patch", base, "--source", source, "-o", out, "--data", "data", "--json"}, more...)...)
	if code := p.Run(); code != 0 {
		t.Fatalf("exit code %d: %s", code, &p.Stderr)
	}
	p.Gone()
	var r patchResult
	if err := json.Unmarshal([]byte(p.Stdout.String()), &r); err != nil {
		t.Fatalf("%v in %s", err, &p.Stdout)
	}
	page, err := os.ReadFile(strings.TrimSuffix(r.Report, "json") + "html")
	if err != nil || strings.Count(string(page), "<article") != len(r.Changes) {
		t.Errorf("the page shows %d of %d changes, %v", strings.Count(string(page), "<article"), len(r.Changes), err)
	}
	return r
}

// TestAPatchIsWhatEncodingFromScratchGives patches a deliverable in the ways there are,
// and encodes the same source elsewhere from nothing.
func TestAPatchIsWhatEncodingFromScratchGives(t *testing.T) {
	t.Parallel()
	dir := based(t, cutFilm(t, "null"), "base.mp4", settings...)
	base, err := os.ReadFile(filepath.Join(dir, "base.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		filter  string
		frames  int
		encoded int // at most, with the audio track
		changes []string
	}{
		"nothing":      {"null", 300, 0, nil},
		"a shot":       {box, 300, 4, []string{"replaced"}},
		"an insertion": {insert, 307, 3, []string{"replaced"}},
		"a removal":    {"select='not(between(n,100,119))',setpts=N/25/TB", 280, 3, []string{"replaced"}},
		"its head":     {"select='gte(n,25)',setpts=N/25/TB", 275, 3, []string{"replaced"}},
	} {
		t.Run(name, func(t *testing.T) {
			source := cutFilm(t, tc.filter)
			out := strings.ReplaceAll(name, " ", "-") + ".mp4"
			r := patchOf(t, dir, "base.mp4", source, out)
			if r.State != job.Done || r.Frames != tc.frames || r.Chunks.Encoded > tc.encoded {
				t.Errorf("the result is %+v", r)
			}
			var why []string
			for _, ch := range r.Changes {
				why = append(why, ch.Why)
			}
			if strings.Join(why, " ") != strings.Join(tc.changes, " ") {
				t.Errorf("it changed %+v", r.Changes)
			}
			scratch := t.TempDir()
			e2e.Command(t, scratch, append([]string{"encode", source, "-o", "scratch.mp4"}, settings...)...).Succeed()
			sameBytes(t, filepath.Join(scratch, "scratch.mp4"), filepath.Join(dir, out))
			verified(t, dir, out, "base.mp4", 0, "")
		})
	}
	if now, err := os.ReadFile(filepath.Join(dir, "base.mp4")); err != nil || string(now) != string(base) {
		t.Errorf("BASE was touched: %v", err)
	}
}

// verified runs verify, and wants an exit code and something said.
func verified(t *testing.T, dir, out, base string, code int, says string) {
	t.Helper()
	p := e2e.Command(t, dir, "verify", out, "--against", base)
	if got := p.Run(); got != code || !strings.Contains(p.Stderr.String(), says) {
		t.Errorf("verify: exit code %d, want %d: %s%s", got, code, &p.Stdout, &p.Stderr)
	}
}

// TestVerifyFindsWhatWasNotAnnounced changes files behind the back of the report.
func TestVerifyFindsWhatWasNotAnnounced(t *testing.T) {
	t.Parallel()
	dir := based(t, cutFilm(t, "null"), "base.mp4", settings...)
	r := patchOf(t, dir, "base.mp4", cutFilm(t, box), "out.mp4")
	hide := func(name string, change func(*patch.Report)) string {
		b, err := os.ReadFile(r.Report)
		if err != nil {
			t.Fatal(err)
		}
		report, err := patch.DecodeReport(b)
		if err != nil {
			t.Fatal(err)
		}
		change(report)
		if b, err = json.Marshal(report); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, tc := range map[string]struct {
		change func(*patch.Report)
		says   string
	}{
		"nothing hidden": {func(*patch.Report) {}, ""},
		"a change":       {func(r *patch.Report) { r.Changes = nil }, "the report doesn't say so"},
		"its length":     {func(r *patch.Report) { r.Changes[0].New.To-- }, "the report doesn't say so"},
		"another file":   {func(r *patch.Report) { r.Output.SHA256 = r.Base.SHA256 }, "the digest is another"},
	} {
		p := e2e.Command(t, dir, "verify", "out.mp4", "--against", "base.mp4", "--report", hide(strings.ReplaceAll(name, " ", "-"), tc.change))
		if code := p.Run(); (code == 0) != (tc.says == "") || !strings.Contains(p.Stderr.String(), tc.says) {
			t.Errorf("%s: exit code %d: %s", name, code, &p.Stderr)
		}
	}
	verified(t, dir, "base.mp4", "out.mp4", 0, "") // without a report, what differs is only told
}

// TestAPatchOfAJobOnAServer has a server make both.
func TestAPatchOfAJobOnAServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := e2e.Command(t, dir, "serve", "--listen", "127.0.0.1:0", "--data", "data").Begin()
	testenv.Await(t, time.Minute, "the server", func() bool {
		return !server.Running() || strings.Contains(server.Stdout.String(), "serves at")
	})
	url := strings.Fields(strings.TrimPrefix(server.Stdout.String(), "reweave serves at "))[0]
	encode := e2e.Command(t, dir, "encode", cutFilm(t, "null"), "-o", "base.mkv", "--server", url, "--json", "--preset", "veryfast", "--chunk-max", "2")
	if code := encode.Run(); code != 0 {
		t.Fatalf("exit code %d: %s", code, &encode.Stderr)
	}
	p := e2e.Command(t, dir, "patch", encode.Result().ID, "--source", cutFilm(t, box), "-o", "out.mkv", "--server", url, "--json")
	if code := p.Run(); code != 0 {
		t.Fatalf("exit code %d: %s", code, &p.Stderr)
	}
	verified(t, dir, "out.mkv", "base.mkv", 0, "")
	server.Kill(syscall.SIGTERM)
	if code := server.Exit(); code != 0 {
		t.Errorf("the server's exit code is %d: %s", code, &server.Stderr)
	}
	server.Gone()
}

// TestMistakesInAPatchAreTold wants each in one line, and BASE and OUT untouched.
func TestMistakesInAPatchAreTold(t *testing.T) {
	t.Parallel()
	source := cutFilm(t, "null")
	dir := based(t, source, "base.mp4", settings...)
	foreign := testenv.Media(t, "foreign.mp4", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=1", "-c:v", "libx264")
	small, fast := cutFilm(t, "scale=80:60"), cutFilm(t, "fps=50")
	for name, tc := range map[string]struct {
		args []string
		says string
	}{
		"no NEW":            {[]string{"base.mp4", "-o", "out.mp4"}, "there is no NEW"},
		"no OUT":            {[]string{"base.mp4", "--source", source}, "there is no OUTPUT"},
		"another size":      {[]string{"base.mp4", "--source", small, "-o", "out.mp4"}, "its size is 80×60, not 160×120"},
		"another rate":      {[]string{"base.mp4", "--source", fast, "-o", "out.mp4"}, "its frame rate is 50/1, not 25/1"},
		"another container": {[]string{"base.mp4", "--source", source, "-o", "out.mkv"}, "BASE is mp4, not mkv"},
		"OUT is BASE":       {[]string{"base.mp4", "--source", source, "-o", "base.mp4", "--force"}, "the same file"},
		"made elsewhere":    {[]string{foreign, "--source", source, "-o", "out.mp4"}, "foreign.mp4: it was not made here, or was changed since"},
		"no such job":       {[]string{"01M7XSM51KWZSA5E9FQR1J43N1", "--source", source, "-o", "out.mp4"}, "jobs are known on servers alone"},
	} {
		p := e2e.Command(t, dir, append(append([]string{"patch"}, tc.args...), "--data", "data")...)
		if code := p.Run(); code != 2 || !strings.Contains(p.Stderr.String(), tc.says) {
			t.Errorf("%s: exit code %d: %s", name, code, &p.Stderr)
		}
		noOutput(t, dir)
	}
}
