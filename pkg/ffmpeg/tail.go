package ffmpeg

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// tail keeps the last few kilobytes written to it, and the first line that matches a sign.
type tail struct {
	sign *regexp.Regexp // nil when nothing is looked for

	mu   sync.Mutex
	b    []byte
	line []byte // the beginning of the line that is being written
	seen string
}

const tailSize = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.look(p)
	t.b = append(t.b, p...)
	if len(t.b) > 2*tailSize {
		t.b = append(t.b[:0], t.b[len(t.b)-tailSize:]...)
	}
	return len(p), nil
}

// look takes the lines that p completes and looks for the sign in them.
func (t *tail) look(p []byte) {
	for t.sign != nil && t.seen == "" && len(p) > 0 {
		part, rest, ended := bytes.Cut(p, []byte("\n"))
		t.line = append(t.line, part[:min(len(part), tailSize-len(t.line))]...)
		if p = rest; !ended {
			return
		}
		t.end()
	}
}

// end ends a line.
func (t *tail) end() {
	if t.sign != nil && t.seen == "" && t.sign.Match(t.line) {
		t.seen = strings.TrimSpace(string(t.line))
	}
	t.line = t.line[:0]
}

// seenLine returns the line that has the sign; what is written last may lack its end.
func (t *tail) seenLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end()
	return t.seen
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b[max(0, len(t.b)-tailSize):]))
}

func (t *tail) lastLine() string {
	s := t.String()
	return strings.TrimSpace(s[strings.LastIndexByte(s, '\n')+1:])
}
