package mux_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/mux"
	"github.com/reweave/reweave/pkg/plan"
)

func safe() string { return strings.Join(ffmpeg.Safe(), " ") }

func tool(t testing.TB) *ffmpeg.Tool {
	t.Helper()
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// video makes 50 frames at 25 a second.
func video(t *testing.T, name string, extra ...string) string {
	t.Helper()
	args := append([]string{"-f", "lavfi", "-i", mediatest.Video(2, "25"), "-c:v", "libx264", "-preset", "veryfast"}, extra...)
	return mediatest.Make(t, name, args...)
}

func TestVerify(t *testing.T) {
	mediatest.NoLeaks(t)
	for name, c := range map[string]struct {
		file  string
		extra []string
		plan  func(*plan.Plan)
		says  string
	}{
		"mp4":              {"a.mp4", nil, plain, ""},
		"mov":              {"a.mov", nil, plain, ""},
		"mkv":              {"a.mkv", nil, plain, ""},
		"a frame missing":  {"a.mp4", []string{"-frames:v", "49"}, plain, "it holds 49 frames where the plan has 50"},
		"one too many":     {"a.mkv", []string{"-frames:v", "50"}, func(p *plan.Plan) { p.Segments = p.Segments[:1] }, "it holds 50 frames where the plan has 20"},
		"another rate":     {"a.mp4", []string{"-vf", "setpts=N/24/TB", "-r", "24", "-frames:v", "50"}, plain, "frame 1 is shown at 0.041667 s where the plan has 0.040000 s"},
		"another rate mkv": {"a.mkv", []string{"-vf", "setpts=N/24/TB", "-r", "24", "-frames:v", "50"}, plain, "frame 1 is shown at 0.042000 s"},
	} {
		t.Run(name, func(t *testing.T) {
			path := video(t, c.file, c.extra...)
			err := mux.Verify(t.Context(), tool(t), film(c.plan), strings.TrimPrefix(filepath.Ext(c.file), "."), path)
			if c.says == "" && err != nil {
				t.Fatal(err)
			}
			e, ok := errors.AsType[*fault.Error](err)
			if c.says != "" && (!ok || e.Class != fault.Permanent || e.Type != "verification-failed" || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v, want %s", err, c.says)
			}
		})
	}
	if err := mux.Verify(t.Context(), tool(t), film(plain), "mp4", filepath.Join(t.TempDir(), "nowhere.mp4")); err == nil {
		t.Error("a file that is not there is as planned")
	}
}

// A list of packets that can't be read ends the listing, however much of it is left.
func TestVerifyDoesNotWaitForWhatItDoesNotRead(t *testing.T) {
	mediatest.NoLeaks(t)
	dir := t.TempDir()
	script := "#!/bin/sh\ncase \"$*\" in *-nostdin*) ;; *) exit 0;; esac\necho '0, 0, NOPTS, 1' >&3\nexec yes >&3\n"
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	start := time.Now()
	err := mux.Verify(t.Context(), tool(t), film(plain), "mkv", filepath.Join(dir, "a.mkv"))
	if err == nil || !strings.Contains(err.Error(), "NOPTS") || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}

// What is muxed by the arguments begins at 0 together, with chapters where they belong.
func TestMuxedBeginsAtZero(t *testing.T) {
	dir := t.TempDir()
	meta := filepath.Join(dir, "meta.txt")
	text := ";FFMETADATA1\ntitle=Film\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=10000\nEND=11000\ntitle=one\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=11000\nEND=12000\ntitle=two\n"
	if err := os.WriteFile(meta, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sound := mediatest.Make(t, "a.mov", "-f", "lavfi", "-i", "sine=d=2:sample_rate=48000", "-c:a", "pcm_s16le")
	joined := video(t, "joined.mp4", "-movflags", "+empty_moov+frag_keyframe")
	for _, container := range []string{"mkv", "mov"} {
		out := filepath.Join(dir, "out."+container)
		p := film(func(p *plan.Plan) { p.Audio = []plan.Audio{{Start: 10.25}} })
		f := mux.Files{Audio: []string{sound}, Late: []float64{0}, Meta: meta, Out: out}
		cmd := tool(t).Command(t.Context(), mux.Args(p, container, f, tool(t).MovieTimescale())...)
		cmd.Reads(f.Reads()...)
		cmd.Writes(dir)
		in, err := os.Open(joined)
		if err != nil {
			t.Fatal(err)
		}
		cmd.GiveStdin(in)
		if err := cmd.Run(t.Context()); err != nil {
			t.Fatal(err, cmd.Log())
		}
		if err := mux.Verify(t.Context(), tool(t), p, container, out); err != nil {
			t.Error(err)
		}
		var got struct {
			Streams []struct {
				Start json.Number `json:"start_time"`
			} `json:"streams"`
			Chapters []struct {
				Start json.Number `json:"start_time"`
			} `json:"chapters"`
		}
		mediatest.Probe(t, out, &got, "-show_streams", "-show_chapters")
		if len(got.Chapters) != 2 || len(got.Streams) < 2 {
			t.Fatalf("%s: %+v", container, got)
		}
		for what, c := range map[string]struct {
			got  json.Number
			want float64
		}{
			"video": {got.Streams[0].Start, 0}, "audio": {got.Streams[1].Start, 0.25},
			"chapter 1": {got.Chapters[0].Start, 0}, "chapter 2": {got.Chapters[1].Start, 1},
		} {
			if v, err := c.got.Float64(); err != nil || v < c.want-0.001 || v > c.want+0.001 {
				t.Errorf("%s: %s begins at %s, want %g", container, what, c.got, c.want)
			}
		}
	}
}
