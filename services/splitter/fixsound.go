package splitter

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/ffmpeg"
)

// measure finds out what track i of each splice holds: when it begins, and how long it is.
func (w *work) measure(ctx context.Context, m *montage, i int) error {
	for _, s := range w.splices {
		m.sources = append(m.sources, s.sources[i])
		start, err := w.tool.StartOf(ctx, s.files[i])
		if err != nil {
			return err
		}
		length, err := w.lengthOf(ctx, s.files[i], m.form(s.sources[i]))
		if err != nil {
			return fmt.Errorf("measure the sound of %s: %w", s.name, err)
		}
		m.starts, m.lengths = append(m.starts, start), append(m.lengths, length)
	}
	return nil
}

// lengthOf returns how many samples come out of a file in some form. It is decoded for it:
// what a file tells of its length is often not true to the sample.
func (w *work) lengthOf(ctx context.Context, file, form string) (n int64, err error) {
	args := append(ffmpeg.Safe(), "-v", "error", "-i", "file:"+file, "-map", "0:a:0", "-af", form+",asetnsamples=n=65536:p=0", "-f", "framecrc", "pipe:1")
	cmd := w.tool.Command(ctx, args...)
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

// noteSound tells of what is not as one would expect of the splices in track i: silence for
// want of sound, longer than a fade, and sound of another form.
func (w *work) noteSound(m montage, i int) {
	note := func(k int, format string, args ...any) {
		track := ""
		if len(w.plan.Audio) > 1 {
			track = fmt.Sprintf(" (track %d)", i+1)
		}
		w.plan.Notes = append(w.plan.Notes, "the sound of "+m.splices[k].name+track+" "+fmt.Sprintf(format, args...))
	}
	for _, c := range m.cuts() {
		if c.input == 0 {
			continue
		}
		k := c.input - 1
		if s := m.sources[k]; s.Channels != m.channels || s.SampleRate != m.rate {
			note(k, "was converted: %s at %d Hz became %s at %d Hz", channels(s.Channels), s.SampleRate, channels(m.channels), m.rate)
		}
		least := m.samples(fade)
		switch {
		case c.late+c.short >= c.to-c.from:
			note(k, "is not in its range: silence there")
		case c.late > least:
			note(k, "begins %.3f s after its range: silence until there", float64(c.late)/float64(m.rate))
		}
		if c.short > least && c.late+c.short < c.to-c.from {
			note(k, "ends %.3f s before its range: silence from there", float64(c.short)/float64(m.rate))
		}
	}
}

func channels(n int) string {
	if n == 1 {
		return "1 channel"
	}
	return fmt.Sprintf("%d channels", n)
}
