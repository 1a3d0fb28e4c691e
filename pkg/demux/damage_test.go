package demux_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/reweave/reweave/pkg/demux"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/media/mediatest"
)

// damage changes a source's bytes.
func damage(t *testing.T, path string, how func([]byte) []byte) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, how(b), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func half(b []byte) []byte { return b[:len(b)/2+77] }

func TestDamageIsTheUsersToMend(t *testing.T) {
	streamed := args(closed, []string{"-movflags", "+faststart"})
	raw := []string{"-pix_fmt", "yuv420p", "-t", "0.4"}
	for name, c := range map[string]struct {
		file  string
		args  []string
		how   func([]byte) []byte
		stdin bool
		slug  string
	}{
		"mp4 cut off":            {file: "a.mp4", args: streamed, how: half, slug: "damaged-source"},
		"mp4 cut off, stdin":     {file: "a.mp4", args: streamed, how: half, stdin: true, slug: "damaged-source"},
		"mkv cut off":            {file: "a.mkv", args: closed, how: half, slug: "damaged-source"},
		"mkv cut off, stdin":     {file: "a.mkv", args: closed, how: half, stdin: true, slug: "damaged-source"},
		"mkv overwritten":        {file: "a.mkv", args: closed, how: zeros, slug: "damaged-source"},
		"ts with a hole":         {file: "a.ts", args: closed, how: hole, slug: "damaged-source"},
		"ts overwritten":         {file: "a.ts", args: closed, how: zeros, slug: "damaged-source"},
		"y4m cut off":            {file: "a.y4m", args: raw, how: half, slug: "damaged-source"},
		"y4m cut off, stdin":     {file: "a.y4m", args: raw, how: half, stdin: true, slug: "damaged-source"},
		"y4m broken in between":  {file: "a.y4m", args: raw, how: noFrame, stdin: true, slug: "damaged-source"},
		"no timestamps":          {file: "a.h264", args: closed, how: bytes.Clone, slug: "no-timestamps"},
		"track without a packet": {file: "a.mp4", args: args(closed, []string{"-movflags", "empty_moov+frag_keyframe"}), how: headOnly, slug: "no-video"},
	} {
		t.Run(name, func(t *testing.T) {
			mediatest.NoLeaks(t)
			path := mediatest.Make(t, c.file, args(film, c.args)...)
			src, err := tool(t).Probe(t.Context(), ffmpeg.Input{Path: path, Name: c.file}, nil)
			if err != nil {
				t.Fatal(err)
			}
			in := ffmpeg.Input{Path: damage(t, path, c.how), Name: "film" + filepath.Ext(c.file)}
			var stdin io.Reader
			if c.stdin {
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				in.Path, stdin = "", bytes.NewReader(b)
			}
			d, err := demux.Open(t.Context(), tool(t), in, src, stdin, nil)
			if err == nil {
				defer d.Close()
				_, err = all(d)
			}
			e, ok := errors.AsType[*fault.Error](err)
			if !ok || e.Class != fault.User || e.Type != c.slug {
				t.Fatalf("%v, want %s", err, c.slug)
			}
			if !strings.HasPrefix(e.Error(), in.Name+": ") || strings.Contains(e.Error(), path) || e.Hint == "" {
				t.Errorf("the message names no source, or our path: %v", e)
			}
		})
	}
}

// hole takes ten packets of MPEG-TS out of the middle.
func hole(b []byte) []byte {
	at := len(b) / 188 / 2 * 188
	return append(bytes.Clone(b[:at]), b[at+1880:]...)
}

// zeros overwrites a thousand bytes in the middle.
func zeros(b []byte) []byte { copy(b[len(b)/2:], make([]byte, 1000)); return b }

// noFrame breaks the head of a frame in the middle.
func noFrame(b []byte) []byte {
	at := len(b)/2 + bytes.Index(b[len(b)/2:], []byte("FRAME\n"))
	copy(b[at:], "FLAME")
	return b
}

func headOnly(b []byte) []byte { return b[:bytes.Index(b, []byte("moof"))-4] }

// A source whose bytes stop coming is no damaged source: what failed is told.
func TestInputThatFailsIsNotTheUsersFault(t *testing.T) {
	mediatest.NoLeaks(t)
	path := mediatest.Make(t, "a.mkv", args(film, closed)...)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	reset := errors.New("connection reset by peer")
	d, err := open(t.Context(), t, path, io.MultiReader(bytes.NewReader(half(b)), iotest.ErrReader(reset)))
	if err == nil {
		defer d.Close()
		_, err = all(d)
	}
	if !errors.Is(err, reset) || fault.Of(err) == fault.User {
		t.Errorf("%v, want %v", err, reset)
	}
}

// endlessFilm is a film of frames whose bytes say nothing: each is "FRAME\n" and zeros.
func endlessFilm() io.Reader {
	r, w := io.Pipe()
	go func() {
		_, err := io.WriteString(w, "YUV4MPEG2 W320 H180 F25:1 Ip A1:1 C420jpeg\n")
		frame := append([]byte("FRAME\n"), make([]byte, 320*180*3/2)...)
		for err == nil {
			_, err = w.Write(frame)
		}
	}()
	return r
}

var y4m = media.Source{Format: "yuv4mpegpipe"}

func TestClosedEarlyItLeavesNothing(t *testing.T) {
	mediatest.NoLeaks(t)
	in := endlessFilm()
	d, err := demux.Open(t.Context(), tool(t), ffmpeg.Input{Name: "film"}, y4m, in, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 30 {
		if _, err := d.Next(); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	d.Close()
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %s to close", took)
	}
	in.(io.Closer).Close()
	d.Close() // a second time is no harm
}

func TestCancelledItTellsTheCause(t *testing.T) {
	mediatest.NoLeaks(t)
	cause := errors.New("the job was cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	in := endlessFilm()
	defer in.(io.Closer).Close()
	d, err := demux.Open(ctx, tool(t), ffmpeg.Input{Name: "film"}, y4m, in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for n := 0; err == nil; n++ {
		if n == 20 {
			cancel(cause)
		}
		_, err = d.Next()
	}
	if !errors.Is(err, cause) {
		t.Errorf("%v, want %v", err, cause)
	}
}
