package ffmpeg_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media/mediatest"
)

func TestFindWithoutFFmpeg(t *testing.T) {
	t.Setenv("PATH", "")
	_, err := ffmpeg.Find(t.Context())
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Class != fault.User || e.Type != "no-ffmpeg" || !strings.Contains(err.Error(), "was not found") || e.Hint == "" {
		t.Errorf("%v", err)
	}
}

func TestFind(t *testing.T) {
	tool := tool(t)
	if !strings.HasPrefix(tool.Version, "ffmpeg version ") || strings.Contains(tool.Version, "Copyright") {
		t.Errorf("version %q", tool.Version)
	}
	if p := tool.Passthrough(); len(p) != 2 || p[1] != "passthrough" {
		t.Errorf("%v", p)
	}
	for _, options := range [][]string{tool.Passthrough(), append(tool.MovieTimescale(), "-f", "mp4")} { // this build must take them
		out := filepath.Join(t.TempDir(), "a.mp4")
		cmd := tool.Command(t.Context(), append(args(film, options), out)...)
		cmd.Writes(filepath.Dir(out))
		if err := cmd.Run(t.Context()); err != nil {
			t.Errorf("%v: %v", options, err)
		}
	}
}

func TestCommandTellsHowItFailed(t *testing.T) {
	mediatest.NoLeaks(t)
	cmd := tool(t).Command(t.Context(), "-i", "file:/nowhere.mp4", "-f", "null", "-")
	err := cmd.Run(t.Context())
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Class != fault.Internal || !strings.Contains(e.Title, "exit status 1") || !strings.Contains(e.Log, "No such file") {
		t.Errorf("%v", err)
	}
	if !strings.HasPrefix(cmd.String(), "ffmpeg ") || !strings.Contains(cmd.String(), "-i file:/nowhere.mp4") {
		t.Errorf("command line %q", cmd)
	}
}

func TestCommandTellsWhyItsInputEnded(t *testing.T) {
	mediatest.NoLeaks(t)
	broken := errors.New("connection reset by peer")
	cmd := tool(t).Command(t.Context(), "-f", "rawvideo", "-video_size", "16x16", "-pix_fmt", "gray", "-i", "pipe:0", "-f", "null", "-")
	cmd.Stdin(io.MultiReader(strings.NewReader(strings.Repeat("x", 16*16*3)), iotest.ErrReader(broken)))
	if err := cmd.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
}

func TestCommandHasCPUTime(t *testing.T) {
	cmd := tool(t).Command(t.Context(), append(film, "-f", "null", "-")...)
	if got := cmd.CPUSeconds(); got != 0 {
		t.Errorf("%g s before it ran", got)
	}
	if err := cmd.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := cmd.CPUSeconds(); got <= 0 || got > 60 {
		t.Errorf("%g s", got)
	}
}

func TestCancelledCommandEndsAtOnceWithItsCause(t *testing.T) {
	mediatest.NoLeaks(t)
	cause := errors.New("the job was cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	cmd := tool(t).Command(ctx, "-re", "-f", "lavfi", "-i", "testsrc2", "-f", "null", "-", "-f", "framecrc", "pipe:3")
	r, err := cmd.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); err != nil { // it runs
		t.Fatal(err)
	}
	start := time.Now()
	cancel(cause)
	if err := cmd.Wait(ctx); !errors.Is(err, cause) {
		t.Errorf("%v, want %v", err, cause)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %s to end", took)
	}
}

// script puts a program in place of ffmpeg.
func script(t *testing.T, body string) *ffmpeg.Tool {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		// Only a Command says -nostdin: whatever else is asked is about the build.
		text := "#!/bin/sh\ncase \"$*\" in *-nostdin*) ;; *) echo ' V....D libx264 fake'; exit 0;; esac\n" + body
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// alive reports whether a process runs; one that is dead but not waited for does not.
func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func TestCancelKillsAllThatTheChildStarted(t *testing.T) {
	mediatest.NoLeaks(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	tool := script(t, "sleep 1000 & echo $! > "+pidFile+".tmp; mv "+pidFile+".tmp "+pidFile+"; wait\n")
	ctx, cancel := context.WithCancel(t.Context())
	cmd := tool.Command(ctx)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	mediatest.Await(t, 10*time.Second, "the grandchild", func() bool {
		b, err := os.ReadFile(pidFile)
		if err == nil {
			pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
		}
		return err == nil && alive(pid)
	})
	cancel()
	if err := cmd.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	mediatest.Await(t, 5*time.Second, "the grandchild's end", func() bool { return !alive(pid) })
}

func TestChildSeesNoCredentials(t *testing.T) {
	t.Setenv("REWEAVE_S3_SECRET_KEY", "secret")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	var out strings.Builder
	cmd := script(t, "env\n").Command(t.Context())
	cmd.Stdout(&out)
	if err := cmd.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "secret") || !strings.Contains(out.String(), "PATH=") {
		t.Errorf("the child sees:\n%s", &out)
	}
}

func TestEncoders(t *testing.T) {
	tool := tool(t)
	names := []string{"libx264", "libx265", "libsvtav1", "aac", "no-such-encoder"}
	got, err := tool.Encoders(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	builds := map[string]string{}
	for name, e := range got {
		if len(e.Build) != 16 || e.Name != name || builds[e.Build] != "" {
			t.Errorf("%s: %+v, as %s has", name, e, builds[e.Build])
		}
		builds[e.Build] = name
	}
	if len(got) != 4 || len(got["libx264"].Presets) != 10 || len(got["libx264"].PixFmts) == 0 || got["aac"].Presets != nil {
		t.Errorf("%+v", got)
	}
	again, err := tool.Encoders(t.Context(), names)
	for name := range again {
		if again[name].Build != got[name].Build {
			t.Errorf("%s: %s, then %s", name, got[name].Build, again[name].Build)
		}
	}
	if err != nil || len(again) != len(got) {
		t.Errorf("%+v, %v", again, err)
	}
}

// An encoder that is listed but fails is promised by nobody.
func TestEncoderThatFailsIsLeftOut(t *testing.T) {
	tool := script(t, "exit 1\n")
	got, err := tool.Encoders(t.Context(), []string{"libx264"})
	if err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
