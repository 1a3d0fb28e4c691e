// Package demux reads the coded packets of a source in one pass, with their exact
// timestamps, and lays them aside on disk until the segments that carry them are
// stored.
//
// One ffmpeg copies the video stream twice: as Matroska, which frames the packets and
// normalises the codec's configuration, and as framecrc, whose lines hold the exact
// timestamps in the source's own timebase that Matroska rounds. The two are matched
// packet by packet. Audio and the other tracks are copied by the same run into files
// of their own.
package demux

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/matroska"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/split"
)

// Packet is one coded packet of the video stream.
type Packet struct {
	split.Packet
	// Duration is how long the frame is shown, in ticks; 0 when the source doesn't tell.
	Duration int64
	// Data is valid until the next call of Next.
	Data []byte
}

// Extract names a file into which further streams are copied in the same pass.
type Extract struct {
	// Path is the file to write; its extension chooses the container.
	Path string
	// Args say which streams and how, between the input and the path.
	Args []string
}

// Demuxer yields the packets of one source.
type Demuxer struct {
	cmd      *ffmpeg.Command
	ctx      context.Context //nolint:containedctx // the run's own, which Next reports from
	cancel   context.CancelFunc
	mkv      *os.File
	table    *os.File
	look     *lookahead
	lines    *bufio.Scanner
	blocks   *matroska.Reader
	name     string
	timeBase media.Rational
	y4m      *y4m // nil for other formats
	n        int
	size     int // of the last packet
	waited   bool
}

// far is added to the timestamps on their way through Matroska, which has no negative
// ones: more than the 26.5 hours after which those of MPEG-TS wrap.
const far = 100_000 // seconds

// Open starts reading. in is the source, of which src is what a probe told; stdin is
// its bytes when in is standard input.
func Open(ctx context.Context, tool *ffmpeg.Tool, in ffmpeg.Input, src media.Source, stdin io.Reader, extracts []Extract) (*Demuxer, error) {
	ctx, cancel := context.WithCancel(ctx)
	video := []string{"-map", "0:" + strconv.Itoa(src.Video.Index), "-c", "copy", "-copyinkf", "-flush_packets", "1"}
	args := in.Args(src.Format)
	args = append(args, video...)
	args = append(args, "-fflags", "+bitexact", "-avoid_negative_ts", "disabled",
		"-output_ts_offset", strconv.Itoa(far), "-write_crc32", "0", "-f", "matroska", "pipe:3")
	args = append(args, video...)
	args = append(args, "-f", "framecrc", "pipe:4")
	for _, e := range extracts {
		args = append(append(args, e.Args...), "-y", "file:"+e.Path)
	}
	d := &Demuxer{cmd: tool.Command(ctx, args...), ctx: ctx, cancel: cancel, name: in.Name}
	if in.Path != "" {
		d.cmd.Reads(in.Path)
	}
	for _, e := range extracts {
		d.cmd.Writes(filepath.Dir(e.Path))
	}
	d.cmd.Watch(signs)
	if src.Format == "yuv4mpegpipe" {
		d.y4m = &y4m{r: stdin, path: in.Path}
	}
	if stdin != nil && d.y4m != nil {
		d.cmd.Stdin(d.y4m)
	} else if stdin != nil {
		d.cmd.Stdin(stdin)
	}
	if err := d.start(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Demuxer) start() (err error) {
	if d.mkv, err = d.cmd.Pipe(); err != nil {
		return err
	}
	if d.table, err = d.cmd.Pipe(); err != nil {
		return err
	}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	d.look = newLookahead(d.table)
	d.lines = bufio.NewScanner(d.look)
	if d.blocks, err = matroska.NewReader(d.mkv); err != nil {
		return d.broken(err)
	}
	return d.readTimeBase()
}

// readTimeBase reads the head of the packet table up to its "#tb 0: num/den".
func (d *Demuxer) readTimeBase() error {
	for d.lines.Scan() {
		line := d.lines.Text()
		if tb, ok := strings.CutPrefix(line, "#tb 0: "); ok {
			var err error
			d.timeBase, err = media.ParseRational(tb)
			return err
		}
	}
	return d.broken(io.ErrUnexpectedEOF)
}

// Track returns the video stream's header.
func (d *Demuxer) Track() matroska.Track { return d.blocks.Track() }

// TimeBase returns the unit of the packets' timestamps, in seconds.
func (d *Demuxer) TimeBase() media.Rational { return d.timeBase }

// Next returns the next packet in decode order, or io.EOF when the source ended well.
func (d *Demuxer) Next() (Packet, error) {
	block, err := d.blocks.Next()
	if errors.Is(err, io.EOF) {
		return Packet{}, d.end()
	} else if err != nil {
		return Packet{}, d.broken(err)
	}
	line, err := d.nextLine()
	if err != nil {
		return Packet{}, err
	}
	p := Packet{Data: block.Data, Duration: line.duration}
	p.PTS, p.Key, p.Discard = line.pts, line.flags&flagKey != 0, line.flags&flagDiscard != 0
	if drift := float64(line.pts)*d.timeBase.Float() - float64(block.Time)/1000 + far; drift < -0.002 || drift > 0.002 {
		return Packet{}, fmt.Errorf("match packet %d: its two timestamps differ by %.3f s", d.n, drift)
	}
	if p.Key {
		t := d.blocks.Track()
		p.Clean = split.Clean(t.CodecID, t.Private, block.Data)
		p.Hash = xxh3.Hash(block.Data)
	}
	d.n++
	d.size = len(block.Data)
	return p, nil
}

// end is called after the last packet: the tables must have ended too, and ffmpeg well.
func (d *Demuxer) end() error {
	if d.lines.Scan() {
		return d.broken(fmt.Errorf("the packet table goes on after %d packets", d.n))
	}
	if err := d.wait(); err != nil {
		return err
	}
	if d.n == 0 {
		return noPackets(d.name)
	}
	if said := d.cmd.Seen(); said != "" {
		return damaged(d.name, d.n, said)
	}
	if d.y4m != nil && d.y4m.cutOff(d.size) {
		return damaged(d.name, d.n, "the last frame is not whole")
	}
	return io.EOF
}

func noPackets(name string) error {
	return fault.Userf("no-video", name, "the video stream has no packets", "check that the file is whole")
}

// signs are what ffmpeg logs when a container ends before its time, when it skips what it
// can't read, or when it had to change timestamps. It exits with 0 for these and hands on
// what it could read.
var signs = regexp.MustCompile(`File ended prematurely|partial file|Packet corrupt|Truncating packet|` +
	`(?i:error reading)|Non-monoton\S+ DTS in output stream [01]:0|` +
	`^(?:file|pipe):.*: (?:Invalid data found|Input/output error)|Error during demuxing|` +
	`invalid as first byte of an EBML number|exceeds containing master element|Packet mismatch \d+`)

func damaged(name string, packets int, said string) error {
	e := fault.Userf("damaged-source", name,
		fmt.Sprintf("the source is damaged or cut off after %d packets", packets),
		"get a whole copy, or repair it first, for example with: ffmpeg -i IN -c copy OUT.mkv")
	e.Err = errors.New(address.ReplaceAllString(said, ""))
	return e
}

// address is the place in memory with which ffmpeg tells its parts apart.
var address = regexp.MustCompile(` @ 0x[0-9a-f]+`)

// broken turns a failure to read the streams into what ffmpeg said of it, if anything.
func (d *Demuxer) broken(err error) error {
	if d.ctx.Err() != nil {
		return context.Cause(d.ctx)
	}
	ended := errors.Is(err, io.ErrUnexpectedEOF)
	if !ended { // ffmpeg goes on writing, and nobody would read it
		d.mkv.Close()
		d.table.Close()
	}
	werr := d.wait()
	switch log := d.cmd.Log(); {
	case strings.Contains(log, "unknown timestamp"):
		return noTimestamps(d.name)
	case werr != nil && log != "":
		return damaged(d.name, d.n, lastLine(log))
	case werr == nil && ended && d.n == 0:
		return noPackets(d.name)
	}
	return fmt.Errorf("read packets of %s: %w", d.name, errors.Join(err, werr))
}

func lastLine(s string) string { return s[strings.LastIndexByte(s, '\n')+1:] }

func (d *Demuxer) wait() error {
	if d.waited {
		return nil
	}
	d.waited = true
	return d.cmd.Wait(d.ctx)
}

// CPUSeconds is the CPU time of the run, once it ended.
func (d *Demuxer) CPUSeconds() float64 { return d.cmd.CPUSeconds() }

// Close ends the run, if it has not ended, and frees what it holds.
func (d *Demuxer) Close() {
	d.cancel()
	for _, f := range []*os.File{d.mkv, d.table} {
		if f != nil {
			f.Close()
		}
	}
	if d.look != nil {
		_ = d.wait() // a run that was cut short has nothing to tell
		d.look.drain()
	}
}

// TempName returns a path in dir for a stream that is laid aside.
func TempName(dir, kind string, i int, ext string) string {
	return filepath.Join(dir, kind+strconv.Itoa(i)+ext)
}
