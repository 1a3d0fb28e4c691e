package chunk

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/matroska"
	"github.com/reweave/reweave/pkg/queue"
)

// Result tells of a finished encode.
type Result struct {
	// SHA256 and Bytes are those of the chunk.
	SHA256 string
	Bytes  int64
	// Pixels is the digest of the decoded frames' hashes.
	Pixels string
	// CPUSeconds is the CPU time of decoder and encoder.
	CPUSeconds float64
	// PeakMemory is the most memory that decoder and encoder held, in bytes; 0 where the
	// system doesn't tell.
	PeakMemory int64
	// Command is the encoder's command line.
	Command string
}

// Encoder encodes tasks with one build of ffmpeg.
type Encoder struct {
	Tool *ffmpeg.Tool
	// Threads is how many threads an encoder may use whose bytes don't depend on it.
	Threads int
}

// Encode decodes the segment file at segment, encodes the frames that the task owns,
// and writes the chunk to the file out. progress is called with the number of frames
// encoded so far, whenever it grows.
//
// The frames go from the decoder to the encoder through a pipe, by number and without
// timestamps. The decoder also hashes each frame and tells its rank, so that a missing
// or doubled frame is found here.
func (e *Encoder) Encode(ctx context.Context, t queue.Task, segment, out string, progress func(frames int)) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	dec := e.Tool.Command(ctx, decodeArgs(t, segment, e.Tool.Passthrough())...)
	dec.Reads(segment)
	enc := e.Tool.Command(ctx, encodeArgs(t, e.Threads, out, e.Tool.Passthrough())...)
	enc.Slow()
	enc.Writes(filepath.Dir(out))
	err0 := ffmpeg.Connect(dec, enc)
	hashes, err1 := dec.Pipe()
	defer hashes.Close() //nolint:staticcheck // of no file is no harm
	counts, err2 := enc.Pipe()
	defer counts.Close() //nolint:staticcheck // as above
	if err := errors.Join(err0, err1, err2, dec.Start(), enc.Start()); err != nil {
		cancel(err) // one of them may run
		_, _ = dec.Wait(ctx), enc.Wait(ctx)
		return Result{}, err
	}

	var pixels string
	var got, made int
	var g errgroup.Group
	g.Go(func() (err error) {
		if pixels, got, err = readHashes(hashes, t.First); err != nil {
			cancel(err) // nobody reads on, so both would wait for ever
		}
		return err
	})
	g.Go(func() (err error) { made, err = readProgress(counts, progress); return err })
	readErr := g.Wait()
	encErr, decErr := enc.Wait(ctx), dec.Wait(ctx)
	switch {
	case ctx.Err() != nil:
		return Result{}, logged(context.Cause(ctx), enc)
	case decErr != nil && encErr == nil:
		return Result{}, failed("decoder", dec, decErr)
	case encErr != nil:
		return Result{}, failed("encoder", enc, encErr)
	case readErr != nil:
		return Result{}, readErr
	}
	if err := checkCount(t, got, made, dec, enc); err != nil {
		return Result{}, err
	}
	var err error
	r := Result{Pixels: pixels, CPUSeconds: dec.CPUSeconds() + enc.CPUSeconds(), PeakMemory: dec.PeakMemory() + enc.PeakMemory(), Command: enc.String()}
	r.SHA256, r.Bytes, err = digest(out)
	return r, err
}

// scaling has pixel formats converted alike on every CPU. It is part of the graph: the
// option -sws_flags does not reach one that is given with -filter_complex.
const scaling = "bitexact+accurate_rnd+full_chroma_int"

// decodeArgs decodes the segment, keeps the owned frames, and gives each of them twice:
// raw to stdout, hashed to pipe:3.
func decodeArgs(t queue.Task, segment string, passthrough []string) []string {
	owned := fmt.Sprintf("sws_flags=%s;[0:v:0]trim=start_pts=%d:end_pts=%d", scaling, t.First*matroska.RankStep, (t.First+t.Frames)*matroska.RankStep)
	convert, pixFmt := t.Recipe.Convert(), t.Recipe.Picture.PixFmt
	args := append(ffmpeg.Safe(), "-max_error_rate", "1", "-copyts", "-noautorotate", "-threads", "1", "-i", "file:"+segment)
	if convert == "null" && t.Decoded == pixFmt {
		// The frames are hashed as they were decoded either way. Here they are given as
		// they were, too, so that one copy of each serves both.
		args = append(args, "-filter_complex", owned+"[frames]", "-map", "[frames]")
		args = append(args, passthrough...)
		return append(args, "-c:v", "rawvideo", "-pix_fmt", pixFmt, "-enc_time_base", "1:1000",
			"-f", "tee", "[f=rawvideo]pipe:1|[f=framehash:hash=murmur3]pipe:3")
	}
	args = append(args, "-filter_complex", owned+",split[decoded][hashes];[decoded]"+convert+"[frames]", "-map", "[frames]")
	args = append(args, passthrough...)
	args = append(args, "-f", "rawvideo", "-pix_fmt", pixFmt, "pipe:1", "-map", "[hashes]")
	args = append(args, passthrough...)
	return append(args, "-enc_time_base", "1:1000", "-f", "framehash", "-hash", "murmur3", "pipe:3")
}

// encodeArgs encodes raw frames from stdin into the chunk file.
func encodeArgs(t queue.Task, threads int, out string, passthrough []string) []string {
	args := []string{"-progress", "pipe:3", "-stats_period", "0.25"}
	args = append(args, t.Recipe.Input()...)
	args = append(args, "-i", "pipe:0", "-map", "0:v:0")
	args = append(args, t.Recipe.Args(threads)...)
	args = append(args, passthrough...)
	args = append(args, ffmpeg.ChunkFlags...)
	return append(args, "-f", "mp4", "-y", "file:"+out)
}

// readHashes reads framehash lines "stream, dts, pts, duration, size, hash", checks that
// the ranks follow each other from first, and digests the hashes.
func readHashes(r io.Reader, first int) (pixels string, n int, err error) {
	h := sha256.New()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		text := lines.Text()
		if strings.HasPrefix(text, "#") {
			continue
		}
		f := strings.Split(text, ",")
		if len(f) < 6 {
			return "", n, fmt.Errorf("read frame hashes: %q", text)
		}
		pts, err := strconv.Atoi(strings.TrimSpace(f[2]))
		if want := (first + n) * matroska.RankStep; err != nil || pts != want {
			return "", n, &fault.Error{
				Class: fault.Permanent, Type: "frame-mismatch",
				Title: fmt.Sprintf("frame %d of the segment came out as number %g", first+n, float64(pts)/matroska.RankStep),
			}
		}
		io.WriteString(h, strings.TrimSpace(f[5]))
		n++
	}
	_, _ = io.Copy(io.Discard, r)
	return hex.EncodeToString(h.Sum(nil)), n, lines.Err()
}

// readProgress reads ffmpeg's -progress lines and returns the last count of frames.
func readProgress(r io.Reader, progress func(int)) (last int, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		v, ok := strings.CutPrefix(lines.Text(), "frame=")
		if !ok {
			continue
		}
		if n, err := strconv.Atoi(strings.TrimSpace(v)); err == nil && n > last {
			last = n
			progress(n)
		}
	}
	return last, lines.Err()
}

func checkCount(t queue.Task, got, made int, dec, enc *ffmpeg.Command) error {
	if got == t.Frames && made == t.Frames {
		return nil
	}
	who, n, cmd := "decoder", got, dec
	if got == t.Frames {
		who, n, cmd = "encoder", made, enc
	}
	return &fault.Error{
		Class: fault.Permanent, Type: "frame-mismatch",
		Title: fmt.Sprintf("the %s gave %d frames instead of %d", who, n, t.Frames),
		Hint:  "the source is damaged there, or holds fields in packets of their own", Log: logOf(cmd),
	}
}

func failed(who string, cmd *ffmpeg.Command, err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		e.Title = "the " + who + ": " + e.Title
		e.Log = logOf(cmd)
	}
	return err
}

// logged adds to the reason for which an encode was ended what was encoding, and its log.
func logged(cause error, cmd *ffmpeg.Command) error {
	e, ok := cause.(*fault.Error) //nolint:errorlint // a cause is not wrapped
	if !ok || e.Log != "" {
		return cause
	}
	with := *e
	with.Log = logOf(cmd)
	return &with
}

func logOf(cmd *ffmpeg.Command) string { return strings.TrimSpace(cmd.String() + "\n" + cmd.Log()) }

func digest(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, fmt.Errorf("read chunk: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	if err != nil {
		return "", 0, fmt.Errorf("read chunk: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}
