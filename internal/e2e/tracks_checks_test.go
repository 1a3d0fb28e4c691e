package e2e_test

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
)

// trackName is what tells a track from others of its kind.
type trackName struct {
	language, title string
	isDefault       int
}

func namesOf(p e2e.Probe, kind string) (names []trackName) {
	for _, s := range p.Of(kind) {
		n := trackName{tagOf(s.Tags, "language"), tagOf(s.Tags, "title"), s.Disposition["default"]}
		if n.language == "ger" { // QuickTime's name for deu
			n.language = "deu"
		}
		// MP4 has its title where others name the handler, if only the kind's own name.
		if h := s.Tags["handler_name"]; n.title == "" && !strings.HasSuffix(h, "Handler") {
			n.title = h
		}
		if kind == "video" {
			n.isDefault = 1 // it is the only one of its kind
		}
		names = append(names, n)
	}
	return names
}

// event is what happens in a film from one time to another, in seconds after the first
// frame.
type event struct {
	from, to float64
	text     string
}

// sameEvents wants the same two events at the same times.
func sameEvents(t *testing.T, what string, want, got []event, within float64) {
	t.Helper()
	if len(want) != 2 || len(got) != 2 {
		t.Fatalf("the %ss are %+v, want %+v", what, got, want)
	}
	for i, w := range want {
		if g := got[i]; g.text != w.text || math.Abs(g.from-w.from) > within || math.Abs(g.to-w.to) > within {
			t.Errorf("%s %d is %+v, want %+v", what, i, g, w)
		}
	}
}

// begin is the time of the first frame.
func begin(p e2e.Probe) float64 {
	v := p.Of("video")[0]
	return float64(v.StartPTS) * v.TimeBase.Float()
}

func chapters(p e2e.Probe) (events []event) {
	for _, c := range p.Chapters {
		from, _ := strconv.ParseFloat(c.Start, 64) // a wrong one differs from the right one
		to, _ := strconv.ParseFloat(c.End, 64)
		events = append(events, event{from - begin(p), to - begin(p), tagOf(c.Tags, "title")})
	}
	return events
}

var times = regexp.MustCompile(`^(\d+):(\d+):(\d+),(\d+) --> (\d+):(\d+):(\d+),(\d+)$`)

// captions returns what the first subtitle track says.
func captions(t *testing.T, path string) (events []event) {
	t.Helper()
	start := begin(e2e.ProbeFile(t, path))
	text, _ := e2e.FFmpeg(t, "-v", "error", "-copyts", "-i", path, "-map", "0:s:0", "-f", "srt", "-")
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		m := times.FindStringSubmatch(lines.Text())
		if m == nil || !lines.Scan() {
			continue
		}
		at := func(h, m, s, ms string) (v float64) {
			for i, part := range []string{h, m, s, ms} {
				n, _ := strconv.ParseFloat(part, 64) // the pattern has digits only
				v += n * []float64{3600, 60, 1, 0.001}[i]
			}
			return v - start
		}
		events = append(events, event{at(m[1], m[2], m[3], m[4]), at(m[5], m[6], m[7], m[8]), lines.Text()})
	}
	return events
}

// tagOf returns a tag, whose name Matroska writes in capitals.
func tagOf(tags map[string]string, name string) string {
	for k, v := range tags {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// attachment returns what the first attachment holds.
func attachment(t *testing.T, path string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "attached")
	e2e.FFmpeg(t, "-v", "error", "-dump_attachment:t:0", file, "-i", path, "-map", "0:v", "-frames:v", "1", "-f", "null", "-")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
