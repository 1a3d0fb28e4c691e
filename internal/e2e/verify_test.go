package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/patch"
)

// captioned is a film of 2 s with sound and subtitles, at path.
func captioned(t *testing.T, path, caption string, more ...string) {
	t.Helper()
	srt := filepath.Join(t.TempDir(), "s.srt")
	if err := os.WriteFile(srt, []byte("1\n00:00:00,200 --> 00:00:01,000\n"+caption+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=2"}, more...)
	args = append(args, "-f", "lavfi", "-i", "sine=r=48000:d=2", "-i", srt, "-map", "0", "-map", "1", "-map", "2",
		"-c:v", "libx264", "-threads", "1", "-g", "25", "-c:a", "aac", "-c:s", "mov_text", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact")
	if err := os.Rename(testenv.Media(t, filepath.Base(path), args...), path); err != nil {
		t.Fatal(err)
	}
}

// flipIn changes a bit in the middle of packet n of a stream.
func flipIn(t *testing.T, path, stream string, n int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Packets []struct{ Pos, Size string }
	}
	mediatest.Probe(t, path, &found, "-select_streams", stream, "-show_packets")
	pos, err1 := strconv.Atoi(found.Packets[n].Pos)
	size, err2 := strconv.Atoi(found.Packets[n].Size)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	b[pos+size/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestVerifyTellsOfEveryTrack changes what is not picture, with and without a report that
// says that nothing did.
func TestVerifyTellsOfEveryTrack(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(t *testing.T, path string)
		lines  []string // of the text
		says   string   // with the report; "" where it is proved
	}{
		"nothing": {func(*testing.T, string) {}, []string{
			"sound    track 1 (aac, 1 channels, 48000 Hz): the same packets\n", "subtitle track 1 (mov_text): the same packets\n",
		}, ""},
		"a bit of the sound": {func(t *testing.T, path string) { flipIn(t, path, "a:0", 20) }, []string{
			"sound    track 1 (aac, 1 channels, 48000 Hz): other packets\n", "subtitle track 1 (mov_text): the same packets\n",
		}, "out.mp4, sound track 1: it was to be kept, and is not what it was: other packets"},
		"a letter of the subtitles": {func(t *testing.T, path string) { captioned(t, path, "Good morninG") }, []string{
			"sound    track 1 (aac, 1 channels, 48000 Hz): the same packets\n", "subtitle track 1 (mov_text): other packets\n",
		}, "out.mp4, subtitles track 1: it differs, and the report doesn't say so"},
		"when it is heard": {func(t *testing.T, path string) { captioned(t, path, "Good morning", "-itsoffset", "0.4") }, []string{
			"sound    track 1 (aac, 1 channels, 48000 Hz): the same packets, 0.", "subtitle track 1 (mov_text): the same packets\n",
		}, "it was to be kept, and is not what it was: the same packets, 0."},
		"what nobody sees": {func(t *testing.T, path string) { rename(t, path) }, []string{"kept     50 of 50 frames"}, "the digest is another"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			out := filepath.Join(dir, "out.mp4")
			captioned(t, filepath.Join(dir, "base.mp4"), "Good morning")
			captioned(t, out, "Good morning")
			announce(t, dir)
			tc.change(t, out)
			page := filepath.Join(dir, "page.html")
			p := e2e.Command(t, dir, "verify", "out.mp4", "--against", "base.mp4", "--report", "none", "--html", page)
			if code := p.Run(); code != 0 {
				t.Errorf("without a report: exit code %d: %s", code, &p.Stderr)
			}
			html, err := os.ReadFile(page)
			for _, line := range tc.lines {
				if !strings.Contains(p.Stdout.String(), line) {
					t.Errorf("it doesn't say %q: %s", line, &p.Stdout)
				}
				if _, state, ok := strings.Cut(line, "): "); err != nil || ok && !strings.Contains(string(html), "<td>"+strings.TrimSpace(state)) {
					t.Errorf("the page doesn't say %q, %v", state, err)
				}
			}
			code := 0
			if tc.says != "" {
				code = 1
			}
			verified(t, dir, "out.mp4", "base.mp4", code, tc.says)
		})
	}
}

// announce puts a report beside out.mp4 that says that its sound was kept.
func announce(t *testing.T, dir string) {
	t.Helper()
	p := e2e.Command(t, dir, "verify", "out.mp4", "--against", "base.mp4", "--json")
	if code := p.Run(); code != 0 {
		t.Fatalf("exit code %d: %s", code, &p.Stderr)
	}
	r, err := patch.DecodeReport([]byte(p.Stdout.String()))
	if err != nil {
		t.Fatal(err)
	}
	r.Audio = "keep"
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "out.mp4.patch.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// rename changes the name of the handler of a track, which no packet has.
func rename(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := strings.Replace(string(b), "SoundHandler", "SoundhandleR", 1)
	if err := os.WriteFile(path, []byte(s), 0o600); err != nil || s == string(b) {
		t.Fatal("no handler was renamed", err)
	}
}

// TestVerifyAgainstAnOlderBase takes the report beside OUT for what it is about.
func TestVerifyAgainstAnOlderBase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, caption := range map[string]string{"base.mp4": "one", "out.mp4": "two", "older.mp4": "three"} {
		captioned(t, filepath.Join(dir, name), caption)
	}
	announce(t, dir)
	verified(t, dir, "out.mp4", "base.mp4", 0, "")
	verified(t, dir, "out.mp4", "older.mp4", 2, "the report of out.mp4 is about a patch of another file, base.mp4 (name that one, or leave the report out: --report none)")
	p := e2e.Command(t, dir, "verify", "out.mp4", "--against", "older.mp4", "--report", "none")
	if code := p.Run(); code != 0 {
		t.Errorf("exit code %d: %s", code, &p.Stderr)
	}
}
