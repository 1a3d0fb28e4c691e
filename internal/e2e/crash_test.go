package e2e_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
)

// longFilm is long enough to be stopped in the middle of its encode: a chunk takes far
// longer than the test needs to see it in the store.
func longFilm(t *testing.T) string {
	t.Helper()
	return testenv.Media(t, "in.mp4", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=12", "-f", "lavfi", "-i", "sine=f=440:r=48000:d=12",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-sc_threshold", "0", "-c:a", "aac")
}

// encodeLong encodes longFilm in about twenty chunks.
func encodeLong(t *testing.T, dir, src, output string) *e2e.Program {
	t.Helper()
	return e2e.Command(t, dir, "encode", src, "-o", output, "--data", "data", "--json", "--workers", "2",
		"--preset", "slow", "--crf", "20", "--chunk-min", "0.4", "--chunk-max", "0.8", "--audio", "aac")
}

// TestAStoppedEncodeGoesOnWhereItWas stops the program in the middle of a job, and runs
// the same command again.
func TestAStoppedEncodeGoesOnWhereItWas(t *testing.T) {
	src := longFilm(t)
	undisturbed := t.TempDir()
	whole := encodeLong(t, undisturbed, src, "out.mp4").Succeed()
	if whole.Chunks.Total < 15 || whole.Chunks.Reused > 0 {
		t.Fatalf("undisturbed, it has the chunks %+v", whole.Chunks)
	}
	for name, tc := range map[string]struct {
		signal syscall.Signal
		code   int
	}{
		"killed":      {syscall.SIGKILL, -1},
		"interrupted": {syscall.SIGINT, 130},
		"terminated":  {syscall.SIGTERM, 130},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := encodeLong(t, dir, src, "out.mp4").Begin()
			testenv.Await(t, time.Minute, "some chunks in the store", func() bool {
				return !p.Running() || len(chunks(t, dir)) >= 4
			})
			p.Kill(tc.signal)
			if code := p.Exit(); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			p.Gone()
			finished := len(chunks(t, dir))
			if finished < 4 || finished >= whole.Chunks.Total {
				t.Fatalf("%d of %d chunks were finished when it was stopped", finished, whole.Chunks.Total)
			}
			noOutput(t, dir)
			if tc.code == 130 {
				told(t, p)
			}
			again := encodeLong(t, dir, src, "out.mp4").Succeed()
			if again.Chunks.Reused < finished || again.Chunks.Total != whole.Chunks.Total {
				t.Errorf("of %d chunks %d were finished, then %+v", whole.Chunks.Total, finished, again.Chunks)
			}
			sameBytes(t, filepath.Join(undisturbed, "out.mp4"), filepath.Join(dir, "out.mp4"))
			onlyOutput(t, dir)
		})
	}
}

// chunks lists the chunks in the store of a run in dir: the posix backend gives each
// object its name once it is whole.
func chunks(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "data", "objects", "*", "chunks", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func noOutput(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "out.mp4")); !os.IsNotExist(err) {
		t.Errorf("there is an OUTPUT: %v", err)
	}
}

// told wants an interrupted run to say so, and how to go on.
func told(t *testing.T, p *e2e.Program) {
	t.Helper()
	const want = "reweave: interrupted (run the same command again to resume: every encoded chunk is kept)\n"
	if got := p.Stderr.String(); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	if r := p.Result(); r.State != "interrupted" || r.Output != "" || r.Error == nil || r.Error.Slug() != "interrupted" {
		t.Errorf("the result is %+v", r)
	}
}

// onlyOutput wants nothing beside OUTPUT, and no temporary file of this run or of the
// one that was stopped.
func onlyOutput(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path) // it is below dir
		switch {
		case err != nil:
			return err
		case name == "data/objects" || name == "data/nats":
			return filepath.SkipDir
		case strings.HasPrefix(name, "tmp/"), strings.HasPrefix(name, "data/scratch/"),
			!d.IsDir() && filepath.Dir(name) == "." && name != "out.mp4":
			t.Errorf("%s is left behind", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"segments", "uploads"} {
		if left, _ := filepath.Glob(filepath.Join(dir, "data", "objects", "*", prefix, "*", "*")); len(left) > 0 {
			t.Errorf("objects are left behind: %v", left)
		}
	}
}

// TestTwoEncodesShareADataDirectory starts two at once: one waits for the other, and
// then finds its chunks.
func TestTwoEncodesShareADataDirectory(t *testing.T) {
	t.Parallel()
	dir, src := t.TempDir(), longFilm(t)
	one, two := encodeLong(t, dir, src, "one.mp4").Begin(), encodeLong(t, dir, src, "two.mp4").Begin()
	encoded, total := 0, 0
	for _, p := range []*e2e.Program{one, two} {
		if code := p.Exit(); code != 0 {
			t.Fatalf("exit code %d: %s", code, &p.Stderr)
		}
		r := p.Result()
		encoded, total = encoded+r.Chunks.Encoded, r.Chunks.Total
		if r.State != job.Done {
			t.Errorf("the result is %+v", r)
		}
	}
	if encoded != total {
		t.Errorf("%d chunks were encoded for a film of %d", encoded, total)
	}
	sameBytes(t, filepath.Join(dir, "one.mp4"), filepath.Join(dir, "two.mp4"))
	one.Gone()
}

// TestEncodeUsesTheServerThatHasTheDirectory encodes where a server serves.
func TestEncodeUsesTheServerThatHasTheDirectory(t *testing.T) {
	t.Parallel()
	dir, src := t.TempDir(), longFilm(t)
	server := e2e.Command(t, dir, "serve", "--listen", "127.0.0.1:0", "--data", "data").Begin()
	testenv.Await(t, time.Minute, "the server", func() bool {
		return !server.Running() || strings.Contains(server.Stdout.String(), "serves at")
	})
	p := e2e.Command(t, dir, "encode", src, "-o", "out.mp4", "--data", "data", "--json", "--preset", "ultrafast")
	if code := p.Run(); code != 0 {
		t.Fatalf("exit code %d: %s\n%s", code, &p.Stderr, &server.Stderr)
	}
	if r := p.Result(); r.State != job.Done || r.Frames != 300 {
		t.Errorf("the result is %+v", r)
	}
	e2e.DecodesCleanly(t, filepath.Join(dir, "out.mp4"))
	server.Kill(syscall.SIGTERM)
	if code := server.Exit(); code != 0 {
		t.Errorf("the server's exit code is %d: %s", code, &server.Stderr)
	}
	server.Gone()
}
