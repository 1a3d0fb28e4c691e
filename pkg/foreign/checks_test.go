package foreign_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/foreign"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/patch"
)

// contents is what one run of ffmpeg reads off a film.
type contents struct {
	frames, coded []mediatest.Frame
	// rest are the packets of all tracks but the video, and the tags and chapters.
	rest string
}

// read reads a film, and wants the decoders of pictures and sound to say nothing.
func read(t *testing.T, path string) contents {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	silent(t, "-noautorotate", "-copyts", "-i", path,
		"-map", "0:v:0", "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "framehash", "-hash", "md5", at("frames"),
		"-map", "0:v:0", "-c", "copy", "-copyinkf", "-f", "framehash", "-hash", "md5", at("coded"),
		"-map", "0:a?", "-map", "0:d?", "-map", "0:s?", "-c", "copy", "-f", "framemd5", at("others"),
		"-map", "0:a?", "-map", "0:s?", "-c", "copy", "-f", "ffmetadata", "-fflags", "+bitexact", at("tags"),
		"-map", "0:a?", "-f", "null", "-")
	text := func(name string) []byte {
		b, err := os.ReadFile(at(name))
		if err != nil || len(b) == 0 {
			t.Fatalf("%s of %s: %q, %v", name, path, b, err)
		}
		return b
	}
	return contents{mediatest.FrameLines(t, text("frames")), mediatest.FrameLines(t, text("coded")), string(text("others")) + string(text("tags"))}
}

// unchanged checks that all of base that lies outside of the announced frames is the same
// in out: frames with their times, the packets but for so many, and all that is no video.
// It returns the hashes of out's frames.
func unchanged(t *testing.T, base, out string, s foreign.Splice, touched int) []string {
	t.Helper()
	was, is := read(t, base), read(t, out)
	if len(was.frames) != len(is.frames) {
		t.Fatalf("%d frames instead of %d", len(is.frames), len(was.frames))
	}
	other, again := 0, 0
	for i := range was.frames {
		if was.frames[i].PTS != is.frames[i].PTS {
			t.Fatalf("frame %d is shown at %d instead of %d", i, is.frames[i].PTS, was.frames[i].PTS)
		}
		same := was.frames[i].Hash == is.frames[i].Hash
		switch {
		case announced(s, i):
			again++
			if !same {
				other++
			}
		case !same:
			t.Errorf("frame %d is another one, outside of %+v", i, s.Regions)
		}
	}
	if other == 0 || again == len(was.frames) {
		t.Errorf("%d of %d announced frames are other ones", other, again)
	}
	packets(t, was, is, s, touched)
	if was.rest != is.rest {
		t.Errorf("other tracks, tags or chapters:\n%s, want\n%s", is.rest, was.rest)
	}
	return mediatest.Hashes(is.frames)
}

func announced(s foreign.Splice, i int) bool {
	return slices.ContainsFunc(s.Regions, func(g foreign.Grown) bool { return g.Frames.From <= i && i < g.Frames.To })
}

// packets compares packets by time: those outside of the announced frames are the same but
// for so many.
func packets(t *testing.T, was, is contents, s foreign.Splice, touched int) {
	t.Helper()
	byTime := map[int64]string{}
	for _, p := range is.coded {
		byTime[p.PTS] = p.Hash
	}
	number := map[int64]int{}
	for i, f := range was.frames {
		number[f.PTS] = i
	}
	differ, same := 0, 0
	for _, p := range was.coded {
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
}

// seeks jumps to frames and wants those that a decode from the beginning gives, save where
// the same jump in base gives another frame, too: ffmpeg lands behind the leading pictures
// of open groups.
func seeks(t *testing.T, base, out string, is []string) {
	t.Helper()
	behind := jumps(t, out, len(is))
	var before, was []string
	right := 0
	for k, i := range jumpTo(len(is)) {
		if behind[k] == is[i] {
			right++
			continue
		}
		if before == nil {
			before, was = jumps(t, base, len(is)), mediatest.Hashes(mediatest.Frames(t, base))
		}
		if before[k] == was[i] {
			t.Errorf("jumping to frame %d gives another one", i)
		}
	}
	if right < 6 {
		t.Errorf("%d of %d jumps are right", right, nJumps)
	}
}

const nJumps = 8

func jumpTo(frames int) (to []int) {
	for k := range nJumps {
		to = append(to, (k*37+5)%frames)
	}
	return to
}

// jumps returns the hash of the first frame behind each jump.
func jumps(t *testing.T, path string, frames int) []string {
	t.Helper()
	var in, out []string
	for k, i := range jumpTo(frames) {
		in = append(in, "-noautorotate", "-threads", "1", "-ss", strconv.FormatFloat((float64(i)-0.5)/25, 'f', 4, 64), "-t", "0.04", "-i", path)
		out = append(out, "-map", strconv.Itoa(k)+":v:0")
	}
	args := append(append(in, out...), "-f", "framehash", "-hash", "md5", "-")
	hashes := make([]string, nJumps)
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
