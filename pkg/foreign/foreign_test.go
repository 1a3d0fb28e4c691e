package foreign_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/foreign"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/patch"
)

func tool(t *testing.T) *ffmpeg.Tool {
	t.Helper()
	found, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The film of most tests: 2.4 s of small pictures, of which no two are equal, in groups of
// 12 frames.
const (
	frames   = 60
	pictures = "testsrc2=s=256x144:r=25:d=2.4"
)

// shelf keeps media that several tests read, so that each is made once.
var shelf = struct {
	sync.Mutex
	dir  string
	n    int
	made map[string]string
}{made: map[string]string{}}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "foreign-test-*")
	if err != nil {
		panic(err)
	}
	shelf.dir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// kept returns a file that ffmpeg makes of the arguments. Nobody may change it.
func kept(t *testing.T, name string, args ...string) string {
	t.Helper()
	shelf.Lock()
	defer shelf.Unlock()
	key := name + "\x00" + strings.Join(args, "\x00")
	if path := shelf.made[key]; path != "" {
		return path
	}
	dir := filepath.Join(shelf.dir, strconv.Itoa(shelf.n))
	shelf.n++
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	mediatest.Run(t, append(append([]string{"-y"}, args...), path)...)
	shelf.made[key] = path
	return path
}

// deliverable makes a film with sound, chapters and tags, as the arguments have it.
func deliverable(t *testing.T, name, pixFmt string, args ...string) string {
	t.Helper()
	meta := filepath.Join(shelf.dir, "meta.txt")
	text := ";FFMETADATA1\ntitle=A film\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2400\ntitle=Two\n"
	if err := os.WriteFile(meta, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sound := "aac"
	if filepath.Ext(name) == ".mkv" {
		sound = "flac" // without the delay of AAC, which would move the pictures to 21 ms
	}
	all := []string{
		"-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", "sine=f=440:r=48000:d=2.4", "-i", meta,
		"-map", "0:v", "-map", "1:a", "-map_metadata", "2", "-pix_fmt", pixFmt, "-c:a", sound, "-timecode", "01:00:00:00",
	}
	return kept(t, name, append(all, args...)...)
}

// fixOf makes frames that the film has nowhere, without loss.
func fixOf(t *testing.T, frames int, pixFmt string) string {
	t.Helper()
	return kept(t, "fix.mkv", "-f", "lavfi", "-i", pictures+",negate,hflip", "-frames:v", strconv.Itoa(frames), "-pix_fmt", pixFmt, "-c:v", "ffv1")
}

// patched puts fixes into a film and returns the path of what came out.
func patched(t *testing.T, path string, o foreign.Options, fixes ...foreign.Fix) (string, foreign.Splice, error) {
	t.Helper()
	mediatest.NoLeaks(t)
	film, err := foreign.Open(t.Context(), tool(t), path, filepath.Base(path))
	if err != nil {
		return "", foreign.Splice{}, err
	}
	defer film.Close()
	out := filepath.Join(t.TempDir(), "out"+filepath.Ext(path))
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	s, err := film.Patch(t.Context(), fixes, o, t.TempDir(), f)
	if cerr := f.Close(); cerr != nil {
		t.Fatal(cerr)
	}
	return out, s, err
}

func fixed(t *testing.T, path string, from, to int) foreign.Fix {
	t.Helper()
	return foreign.Fix{Frames: patch.Frames{From: from, To: to}, Path: path, Name: "fix"}
}

// silent runs ffmpeg and wants it to say nothing.
func silent(t *testing.T, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ffmpeg", append([]string{"-hide_banner", "-nostdin", "-v", "error", "-xerror"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Errorf("ffmpeg %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.Bytes()
}
