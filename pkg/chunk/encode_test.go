package chunk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/chunk"
	"github.com/reweave/reweave/pkg/demux"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/matroska"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/recipe"
	"github.com/reweave/reweave/pkg/split"
)

func tool(t testing.TB) *ffmpeg.Tool {
	t.Helper()
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// piece is a segment of a source in a file, as an encoder gets it.
type piece struct {
	split.Segment
	path string
	task queue.Task
}

// cut cuts a source as the splitter does, into segments of about half a second. They are
// to be encoded without loss.
func cut(t *testing.T, path string) []piece {
	t.Helper()
	in := ffmpeg.Input{Path: path, Name: filepath.Base(path)}
	src, err := tool(t).Probe(t.Context(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := demux.Open(t.Context(), tool(t), in, src, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	spool := demux.NewSpool(t.TempDir())
	defer spool.Close()
	cutter := split.New(split.Rule{Min: 0.3, Max: 0.6}, d.TimeBase())
	var segments []split.Segment
	for err == nil {
		var p demux.Packet
		if p, err = d.Next(); err == nil {
			s, perr := cutter.Push(p.Packet)
			err = errors.Join(spool.Put(p.Data), perr)
			segments = append(segments, s...)
		}
	}
	last, ferr := cutter.Flush()
	if !errors.Is(err, io.EOF) || ferr != nil {
		t.Fatal(err, ferr)
	}
	r := recipe.Recipe{
		Settings: recipe.Settings{Codec: "libx264", Preset: "ultrafast", QP: n(0)}, Threads: 1,
		Rate: src.Video.Rate, Picture: src.Video.Picture,
	}
	var out []piece
	for i, s := range append(segments, last...) {
		p := piece{Segment: s, path: filepath.Join(t.TempDir(), fmt.Sprintf("segment%d", i))}
		p.task = queue.Task{Job: "j", ID: queue.Video(i), First: s.First, Frames: len(s.PTS), Decoded: src.Video.Picture.PixFmt, Recipe: r}
		var packets []matroska.Packet
		for k, n := range s.Carried {
			packet := spool.Packet(n)
			packet.Rank = s.Ranks[k]
			packets = append(packets, packet)
		}
		f, err := os.Create(p.path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(f, matroska.NewSegment(d.Track(), packets).Open())
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func (p piece) encode(ctx context.Context, t *testing.T, progress func(int)) (chunk.Result, string, error) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "chunk.mp4")
	e := chunk.Encoder{Tool: tool(t), Threads: 2}
	r, err := e.Encode(ctx, p.task, p.path, out, progress)
	return r, out, err
}

func nothing(int) {}

var film = []string{"-f", "lavfi", "-i", mediatest.Video(1.4, "25")}

func openGOP(t *testing.T) string {
	t.Helper()
	return mediatest.Make(t, "a.mp4", append(slices.Clone(film), "-c:v", "libx264", "-preset", "veryfast", "-g", "12",
		"-bf", "3", "-x264-params", "open-gop=1")...)
}

// The frames of all chunks are the source's, each once and in order.
func TestChunksHoldTheSourcesFrames(t *testing.T) {
	for name, make := range map[string]func(*testing.T) string{
		"H.264 with open GOPs": openGOP,
		"HEVC with open GOPs": func(t *testing.T) string {
			return mediatest.Make(t, "a.mkv", append(slices.Clone(film), "-c:v", "libx265", "-preset", "ultrafast", "-g", "12", "-x265-params", "log-level=error")...)
		},
		"MPEG-2 in ts": func(t *testing.T) string {
			return mediatest.Make(t, "a.ts", append(slices.Clone(film), "-c:v", "mpeg2video", "-g", "12", "-bf", "2")...)
		},
		"cut by an edit list": func(t *testing.T) string {
			return mediatest.Make(t, "b.mp4", "-ss", "0.3", "-i", openGOP(t), "-c", "copy")
		},
	} {
		t.Run(name, func(t *testing.T) {
			mediatest.NoLeaks(t)
			source := make(t)
			want := mediatest.Frames(t, source)
			pieces := cut(t, source)
			leads := false
			at := 0
			for _, p := range pieces {
				leads = leads || slices.Max(p.Ranks) > p.First+len(p.PTS)-1
				r, out, err := p.encode(t.Context(), t, nothing)
				if err != nil {
					t.Fatal(err)
				}
				got := mediatest.Frames(t, out)
				if at+len(got) > len(want) || !slices.Equal(mediatest.Hashes(got), mediatest.Hashes(want[at:at+len(got)])) {
					t.Fatalf("frames %d to %d are not the source's", at, at+len(got))
				}
				for i, pts := range p.PTS {
					if want[at+i].PTS != pts {
						t.Fatalf("frame %d is shown at %d, the segment has it at %d", at+i, want[at+i].PTS, pts)
					}
				}
				at += len(got)
				if r.Bytes == 0 || len(r.SHA256) != 64 || len(r.Pixels) != 64 || r.CPUSeconds <= 0 || !strings.HasPrefix(r.Command, "ffmpeg ") {
					t.Errorf("%+v", r)
				}
			}
			if at != len(want) || len(pieces) < 2 || !leads && name != "cut by an edit list" {
				t.Errorf("%d chunks hold %d of %d frames; carried beyond the owned: %v", len(pieces), at, len(want), leads)
			}
		})
	}
}

func TestSameInputGivesSameBytes(t *testing.T) {
	p := cut(t, openGOP(t))[1]
	first, _, err1 := p.encode(t.Context(), t, nothing)
	second, _, err2 := p.encode(t.Context(), t, nothing)
	if err := errors.Join(err1, err2); err != nil || first.SHA256 != second.SHA256 || first.Pixels != second.Pixels {
		t.Errorf("%+v, then %+v, %v", first, second, err)
	}
}

// A frame has one hash, however it gets to the encoder: as it was decoded by the same copy
// that is hashed, or by another one where the formats differ, or may.
func TestHashesAreOfDecodedFrames(t *testing.T) {
	p := cut(t, openGOP(t))[1]
	frames, err := chunk.Frames(t.Context(), tool(t), p.path)
	if err != nil {
		t.Fatal(err)
	}
	var hashes []string
	for _, f := range frames {
		if f.Rank >= p.task.First && f.Rank < p.task.First+p.task.Frames {
			hashes = append(hashes, f.Mark)
		}
	}
	want := chunk.Pixels(hashes)
	encoded := map[string]string{} // by pixel format
	for _, c := range []struct{ decoded, pixFmt string }{
		{"yuv420p", "yuv420p"}, {"", "yuv420p"}, {"yuv420p", "yuv444p"}, {"", "yuv444p"},
	} {
		p := p
		p.task.Decoded, p.task.Recipe.Picture.PixFmt = c.decoded, c.pixFmt
		r, _, err := p.encode(t.Context(), t, nothing)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		if r.Pixels != want || len(hashes) != p.task.Frames {
			t.Errorf("%+v: the digest of %d frames is %s, want %s", c, len(hashes), r.Pixels, want)
		}
		if before := encoded[c.pixFmt]; before != "" && before != r.SHA256 {
			t.Errorf("%+v: the chunk is another one", c)
		}
		encoded[c.pixFmt] = r.SHA256
	}
}

// What the segment does not hold is missed at once, whatever is asked for.
func TestWrongRangeIsAMismatch(t *testing.T) {
	p := cut(t, openGOP(t))[1]
	all := len(p.Carried)
	for name, c := range map[string]struct{ first, frames int }{
		"one frame more than there is": {0, all + 1},
		"begins behind the last":       {all, 5},
		"begins far behind the last":   {all + 1000, 1},
		"ends behind the last":         {all - 2, 3},
		"begins before the first":      {-1, 3},
		"many more frames than it has": {0, 100_000},
	} {
		t.Run(name, func(t *testing.T) {
			mediatest.NoLeaks(t)
			p := p
			p.task.First, p.task.Frames = c.first, c.frames
			start := time.Now()
			_, _, err := p.encode(t.Context(), t, nothing)
			e, ok := errors.AsType[*fault.Error](err)
			if !ok || e.Class != fault.Permanent || e.Type != "frame-mismatch" {
				t.Errorf("%v", err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestFailuresAreTold(t *testing.T) {
	p := cut(t, openGOP(t))[1]
	junk := filepath.Join(t.TempDir(), "junk")
	if err := os.WriteFile(junk, []byte(strings.Repeat("junk", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change      func(*piece)
		title, says string
	}{
		"impossible preset":  {func(p *piece) { p.task.Recipe.Preset = "impossible" }, "the encoder: ffmpeg failed", "impossible"},
		"no such encoder":    {func(p *piece) { p.task.Recipe.Codec, p.task.Recipe.Preset = "librav1e", "99" }, "the encoder: ffmpeg failed", "99"},
		"segment is junk":    {func(p *piece) { p.path = junk }, "the decoder: ffmpeg failed", "Invalid data"},
		"segment is missing": {func(p *piece) { p.path = junk + "2" }, "the decoder: ffmpeg failed", "No such file"},
	} {
		t.Run(name, func(t *testing.T) {
			mediatest.NoLeaks(t)
			p := p
			c.change(&p)
			_, _, err := p.encode(t.Context(), t, nothing)
			e, ok := errors.AsType[*fault.Error](err)
			if !ok || !strings.HasPrefix(e.Title, c.title) || !strings.Contains(e.Log, c.says) || !strings.HasPrefix(e.Log, "ffmpeg ") {
				t.Errorf("%v\n%+v", err, e)
			}
		})
	}
}

func TestProgressRisesToTheLastFrame(t *testing.T) {
	p := cut(t, openGOP(t))[0]
	var seen []int
	if _, _, err := p.encode(t.Context(), t, func(frames int) { seen = append(seen, frames) }); err != nil {
		t.Fatal(err)
	}
	if len(seen) == 0 || seen[len(seen)-1] != p.task.Frames || seen[0] < 1 || !slices.IsSorted(seen) || len(slices.Compact(seen)) != len(seen) {
		t.Errorf("progress %v of %d frames", seen, p.task.Frames)
	}
}

func TestCancelEndsBothProcesses(t *testing.T) {
	mediatest.NoLeaks(t)
	source := mediatest.Make(t, "a.mkv", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=25:d=3", "-c:v", "mpeg4", "-g", "9999", "-q:v", "9")
	p := cut(t, source)[0]
	p.task.Recipe.Preset, p.task.Recipe.QP = "placebo", n(20)
	cause := errors.New("the job was cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	done := make(chan error)
	go func() { _, _, err := p.encode(ctx, t, nothing); done <- err }()
	mediatest.Await(t, 20*time.Second, "two children", func() bool { return len(mediatest.Children(t)) == 2 })
	start := time.Now()
	cancel(cause)
	if err := <-done; !errors.Is(err, cause) {
		t.Errorf("%v, want %v", err, cause)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %s to end", took)
	}
}
