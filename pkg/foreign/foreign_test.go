package foreign_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

// deliverable makes 4 s of film with sound, chapters and tags, as the arguments have it.
func deliverable(t *testing.T, name, pixFmt string, args ...string) string {
	t.Helper()
	meta := filepath.Join(t.TempDir(), "meta.txt")
	text := ";FFMETADATA1\ntitle=A film\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=2000\nEND=4000\ntitle=Two\n"
	if err := os.WriteFile(meta, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all := []string{
		"-f", "lavfi", "-i", mediatest.Video(4, "25"), "-f", "lavfi", "-i", "sine=f=440:r=48000:d=4", "-i", meta,
		"-map", "0:v", "-map", "1:a", "-map_metadata", "2", "-pix_fmt", pixFmt, "-c:a", "aac", "-timecode", "01:00:00:00",
	}
	return mediatest.Make(t, name, append(all, args...)...)
}

// fixOf makes frames that the film has nowhere, without loss.
func fixOf(t *testing.T, frames int, pixFmt string) string {
	t.Helper()
	return mediatest.Make(t, "fix.mkv", "-f", "lavfi", "-i", mediatest.Video(6, "25")+",negate,hflip", "-frames:v", strconv.Itoa(frames),
		"-pix_fmt", pixFmt, "-c:v", "ffv1")
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

// unchanged checks that all of base that lies outside of the announced frames is the same
// in out: frames with their times, and the packets but for so many.
func unchanged(t *testing.T, base, out string, s foreign.Splice, touched int) {
	t.Helper()
	was, is := mediatest.Frames(t, base), mediatest.Frames(t, out)
	if len(was) != len(is) {
		t.Fatalf("%d frames instead of %d", len(is), len(was))
	}
	other, again := 0, 0
	for i := range was {
		if was[i].PTS != is[i].PTS {
			t.Fatalf("frame %d is shown at %d instead of %d", i, is[i].PTS, was[i].PTS)
		}
		if announced(s, i) {
			again++
			if was[i].Hash != is[i].Hash {
				other++
			}
		} else if was[i].Hash != is[i].Hash {
			t.Errorf("frame %d is another one, outside of %+v", i, s.Regions)
		}
	}
	if other == 0 || again == len(was) {
		t.Errorf("%d of %d announced frames are other ones", other, again)
	}
	packets(t, was, base, out, s, touched)
	silent(t, "-i", out, "-map", "0:v", "-map", "0:a", "-f", "null", "-")
}

func announced(s foreign.Splice, i int) bool {
	return slices.ContainsFunc(s.Regions, func(g foreign.Grown) bool { return g.Frames.From <= i && i < g.Frames.To })
}

// packets compares packets by time: those outside of the announced frames are the same but
// for so many, and so are all of the sound.
func packets(t *testing.T, frames []mediatest.Frame, base, out string, s foreign.Splice, touched int) {
	t.Helper()
	byTime := map[int64]string{}
	for _, p := range mediatest.Coded(t, out) {
		byTime[p.PTS] = p.Hash
	}
	number := map[int64]int{}
	for i, f := range frames {
		number[f.PTS] = i
	}
	differ, same := 0, 0
	for _, p := range mediatest.Coded(t, base) {
		if announced(s, number[p.PTS]) {
			continue
		}
		if same++; byTime[p.PTS] != p.Hash {
			differ++
		}
	}
	if differ != touched || same == 0 {
		t.Errorf("%d of %d kept packets differ, want %d", differ, same, touched)
	}
	for _, what := range []string{"-map 0:a -c copy -f framemd5", "-map 0:d -c copy -f framemd5", "-map 0 -map -0:v -map -0:d -c copy -f ffmetadata -fflags +bitexact"} {
		args := strings.Fields(what)
		a, b := silent(t, append(append([]string{"-i", base}, args...), "-")...), silent(t, append(append([]string{"-i", out}, args...), "-")...)
		if !bytes.Equal(a, b) || len(a) == 0 {
			t.Errorf("%s:\n%s, want\n%s", what, b, a)
		}
	}
}

// seeks jumps to 20 frames and wants those that a decode from the beginning gives, save
// where the same jump in base gives another frame, too: ffmpeg lands behind the leading
// pictures of open groups.
func seeks(t *testing.T, base, out string) {
	t.Helper()
	was, is := mediatest.Hashes(mediatest.Frames(t, base)), mediatest.Hashes(mediatest.Frames(t, out))
	before, behind := jumps(t, base, len(was)), jumps(t, out, len(is))
	right := 0
	for k, i := range jumpTo(len(is)) {
		if behind[k] == is[i] {
			right++
		} else if before[k] == was[i] {
			t.Errorf("jumping to frame %d gives another one", i)
		}
	}
	if right < 15 {
		t.Errorf("%d of 20 jumps are right", right)
	}
}

func jumpTo(frames int) (to []int) {
	for k := range 20 {
		to = append(to, (k*37+5)%frames)
	}
	return to
}

// jumps returns the hash of the first frame behind each jump.
func jumps(t *testing.T, path string, frames int) []string {
	t.Helper()
	var in, out []string
	for k, i := range jumpTo(frames) {
		in = append(in, "-noautorotate", "-ss", strconv.FormatFloat((float64(i)-0.5)/25, 'f', 4, 64), "-t", "0.04", "-i", path)
		out = append(out, "-map", strconv.Itoa(k)+":v:0")
	}
	args := append(append(in, out...), "-f", "framehash", "-hash", "md5", "-")
	hashes := make([]string, 20)
	for line := range strings.Lines(string(mediatest.Run(t, args...))) {
		f := strings.Split(line, ",")
		if k, err := strconv.Atoi(strings.TrimSpace(f[0])); err == nil && len(f) == 6 {
			hashes[k] = strings.TrimSpace(f[5])
		}
	}
	return hashes
}

// alike checks that frames of out are those of the fix: equal, or at so many dB.
func alike(t *testing.T, out, fix, pixFmt string, from, frames, first int, least float64) {
	t.Helper()
	graph := "[0:v]trim=start_frame=" + strconv.Itoa(from) + ":end_frame=" + strconv.Itoa(from+frames) + ",settb=1/25,setpts=N,format=" + pixFmt +
		"[a];[1:v]trim=start_frame=" + strconv.Itoa(first) + ":end_frame=" + strconv.Itoa(first+frames) + ",settb=1/25,setpts=N,format=" + pixFmt + "[b];[a][b]psnr=stats_file=-"
	worst, n := 1000.0, 0
	for line := range strings.Lines(string(mediatest.Run(t, "-i", out, "-i", fix, "-filter_complex", graph, "-f", "null", "-"))) {
		_, rest, ok := strings.Cut(line, "psnr_avg:")
		if !ok {
			continue
		}
		v, _, _ := strings.Cut(rest, " ")
		n++
		if v == "inf" {
			continue
		}
		db, err := strconv.ParseFloat(v, 64)
		if err != nil {
			t.Fatal(err)
		}
		worst = min(worst, db)
	}
	if n != frames || worst < least {
		t.Errorf("%d of %d frames are the fix's, the worst at %g dB, want %g", n, frames, worst, least)
	}
}

// proved repeats the proof from the files alone.
func proved(t *testing.T, base, out string, s foreign.Splice) *patch.Report {
	t.Helper()
	r, err := patch.ProveFiles(t.Context(), tool(t), base, out, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	if err := s.Covers(r); err != nil {
		t.Error(err)
	}
	if len(r.Kept) == 0 {
		t.Error("nothing was kept")
	}
	return r
}
