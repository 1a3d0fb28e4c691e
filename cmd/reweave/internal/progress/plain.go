package progress

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/reweave/reweave/pkg/job"
)

// A plain line is due when this much time passed or this many percent were done
// since the last one.
const (
	lineEvery   = 5 * time.Second
	linePercent = 10
)

// plain writes lines, for logs and pipes.
type plain struct {
	tally
	w   io.Writer
	now func() time.Time
	// shownAt and shown are when the last line was written, and its percents.
	shownAt  time.Time
	shown    int
	transfer string
}

// NewPlain returns a reporter that writes plain lines to w, by the clock now.
func NewPlain(w io.Writer, now func() time.Time) Reporter {
	return &plain{tally: newTally(), w: w, now: now}
}

func (p *plain) Note(line string) {
	p.Lock()
	defer p.Unlock()
	p.line(line)
}

func (p *plain) Transfer(what string, done, total int64) {
	p.Lock()
	defer p.Unlock()
	percent := 100
	if total > 0 {
		percent = int(done * 100 / total)
	}
	fresh := what != p.transfer
	if fresh {
		p.transfer, p.shown = what, 0
	}
	// Most transfers take a moment: their steps are not worth a line each.
	step := p.due(percent) && p.now().Sub(p.shownAt) >= time.Second
	if fresh || step || percent == 100 && p.shown < 100 {
		p.mark(percent)
		p.line(fmt.Sprintf("%s: %d %% (%s of %s)", what, percent, FormatBytes(done), FormatBytes(total)))
	}
}

func (p *plain) Job(j job.Job) {
	p.Lock()
	defer p.Unlock()
	before := p.state
	p.addJob(j, p.now())
	if p.state != before {
		p.announce()
	}
}

func (p *plain) Progress(m job.Progress) {
	p.Lock()
	defer p.Unlock()
	before := p.state
	p.addProgress(m, p.now())
	if p.state != before {
		p.announce()
		return
	}
	working := p.state == job.Splitting || p.state == job.Encoding
	if working && p.due(p.percent()) {
		p.announce()
	}
}

func (p *plain) Close() {
	p.Lock()
	defer p.Unlock()
	p.closed = true
}

// due reports whether a line is.
func (p *plain) due(percent int) bool {
	return percent >= p.shown+linePercent || p.now().Sub(p.shownAt) >= lineEvery
}

func (p *plain) mark(percent int) { p.shownAt, p.shown = p.now(), percent }

// announce writes what is known of the job. The end of a job is not told here: the
// command reports it.
func (p *plain) announce() {
	if p.state.Final() {
		return
	}
	p.mark(p.percent())
	p.line(p.describe())
}

// describe returns such as "encoding: 42 % (720/1713 frames, 53 fps, 19s left, 7/24 chunks, 2 reused)".
func (t *tally) describe() string {
	line := string(t.state)
	if t.total > 0 && t.state == job.Encoding {
		line += fmt.Sprintf(": %d %%", t.percent())
	}
	var facts []string
	add := func(format string, args ...any) { facts = append(facts, fmt.Sprintf(format, args...)) }
	switch {
	case t.total > 0:
		add("%d/%d frames", t.frames, t.total)
	case t.frames > 0:
		add("%d frames", t.frames)
	}
	if fps := t.speed.fps(); fps > 0 && t.state != job.Muxing {
		add("%s", formatFPS(fps))
	}
	if left := t.left(); left > 0 && t.state == job.Encoding {
		add("%s left", FormatDuration(left))
	}
	if t.chunks.Total > 0 {
		add("%d/%d chunks", t.done(), t.chunks.Total)
	}
	if t.chunks.Reused > 0 {
		add("%d reused", t.chunks.Reused)
	}
	if len(facts) == 0 {
		return line
	}
	return line + " (" + strings.Join(facts, ", ") + ")"
}

func (p *plain) line(s string) {
	if !p.closed {
		_, _ = fmt.Fprintln(p.w, "reweave: "+s) // nobody is left to tell when it fails
	}
}
