package demux

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
)

// The packet flags that framecrc prints as "F=0x…" (AV_PKT_FLAG_*). A line without
// them is a plain keyframe.
const (
	flagKey     = 1
	flagDiscard = 4
)

// line is a line of the packet table.
type line struct {
	pts      int64
	duration int64 // 0 when not known
	flags    uint64
}

func (d *Demuxer) nextLine() (line, error) {
	for d.lines.Scan() {
		text := d.lines.Text()
		if strings.HasPrefix(text, "#") {
			continue
		}
		l, err := parseLine(text)
		if err != nil {
			return line{}, err
		}
		return l, nil
	}
	return line{}, d.broken(fmt.Errorf("the packet table ended after %d packets", d.n))
}

// parseLine reads "stream, dts, pts, duration, size, checksum[, F=flags][, S=side data…]".
func parseLine(text string) (line, error) {
	f := strings.Split(text, ",")
	if len(f) < 6 {
		return line{}, fmt.Errorf("read packet table: %q has %d fields", text, len(f))
	}
	pts := strings.TrimSpace(f[2])
	if pts == "NOPTS" || pts == "-9223372036854775808" { // AV_NOPTS_VALUE
		return line{}, noTimestamps("source")
	}
	l := line{flags: flagKey}
	var err error
	if l.pts, err = strconv.ParseInt(pts, 10, 64); err != nil {
		return line{}, fmt.Errorf("read packet table: presentation time %q", pts)
	}
	l.duration, _ = strconv.ParseInt(strings.TrimSpace(f[3]), 10, 64) // may be missing: then it is 0
	for _, extra := range f[6:] {
		v, ok := strings.CutPrefix(strings.TrimSpace(extra), "F=")
		if !ok {
			continue
		}
		if l.flags, err = strconv.ParseUint(v, 0, 32); err != nil {
			return line{}, fmt.Errorf("read packet table: flags %q", v)
		}
	}
	return l, nil
}

func noTimestamps(name string) error {
	return fault.Userf("no-timestamps", name, "the source has packets without a presentation time",
		"remux it into a container that has them, for example with mkvmerge, giving the frame rate")
}

// lookahead reads a pipe in a goroutine of its own and holds what was read: ffmpeg
// writes to both pipes in turn, and must never wait for the one we don't read now.
type lookahead struct {
	pieces chan []byte
	rest   []byte
}

// newLookahead starts reading r, until r is closed or at its end.
func newLookahead(r io.Reader) *lookahead {
	l := &lookahead{pieces: make(chan []byte, 1<<12)}
	go func() {
		defer close(l.pieces)
		for {
			b := make([]byte, 4096)
			n, err := r.Read(b)
			if n > 0 {
				l.pieces <- b[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	return l
}

func (l *lookahead) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		var ok bool
		if l.rest, ok = <-l.pieces; !ok {
			return 0, io.EOF
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// drain waits for the reading goroutine's end.
func (l *lookahead) drain() {
	for range l.pieces {
	}
}
