package montage

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/ffmpeg"
)

// Measure finds out how long the splices' tracks are, each in a file.
func (m *Montage) Measure(ctx context.Context, tool *ffmpeg.Tool, files []string) (err error) {
	for k := range m.Splices {
		s := &m.Splices[k]
		if s.Samples, err = lengthOf(ctx, tool, files[k], m.Track, m.form(s.Source)); err != nil {
			return fmt.Errorf("measure the sound of %s: %w", s.Name, err)
		}
	}
	return nil
}

// lengthOf returns how many samples come out of a file in some form. It is decoded for it:
// what a file tells of its length is often not true to the sample.
func lengthOf(ctx context.Context, tool *ffmpeg.Tool, file string, track int, form string) (n int64, err error) {
	args := append(ffmpeg.Safe(), "-v", "error", "-i", "file:"+file, "-map", "0:a:"+strconv.Itoa(track), "-af", form+",asetnsamples=n=65536:p=0", "-f", "framecrc", "pipe:1")
	cmd := tool.Command(ctx, args...)
	cmd.Reads(file)
	var said bytes.Buffer
	cmd.Stdout(&said)
	if err := cmd.Run(ctx); err != nil {
		return 0, err
	}
	for line := range strings.Lines(said.String()) { // "0, dts, pts, samples, size, checksum"
		fields := strings.Split(line, ",")
		if strings.HasPrefix(line, "#") || len(fields) < 6 {
			continue
		}
		samples, err := strconv.ParseInt(strings.TrimSpace(fields[3]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read %q: %w", line, err)
		}
		n += samples
	}
	return n, nil
}

// Notes tells of what is not as one would expect of the splices: silence for want of sound,
// longer than a fade, and sound of another form. track names the track, where there are more.
func (m Montage) Notes(track string) (notes []string) {
	note := func(k int, format string, args ...any) {
		notes = append(notes, "the sound of "+m.Splices[k].Name+track+" "+fmt.Sprintf(format, args...))
	}
	for _, c := range m.cuts() {
		if c.input == 0 {
			continue
		}
		k := c.input - 1
		if s := m.Splices[k].Source; s.Channels != m.Channels || s.SampleRate != m.Rate {
			note(k, "was converted: %s at %d Hz became %s at %d Hz", channels(s.Channels), s.SampleRate, channels(m.Channels), m.Rate)
		}
		least := m.samples(fade)
		switch {
		case c.late+c.short >= c.to-c.from:
			note(k, "is not in its range: silence there")
		case c.late > least:
			note(k, "begins %.3f s after its range: silence until there", float64(c.late)/float64(m.Rate))
		}
		if c.short > least && c.late+c.short < c.to-c.from {
			note(k, "ends %.3f s before its range: silence from there", float64(c.short)/float64(m.Rate))
		}
	}
	return notes
}

func channels(n int) string {
	if n == 1 {
		return "1 channel"
	}
	return fmt.Sprintf("%d channels", n)
}
