package timeline

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// EDL reads a CMX3600 list. Its record times are sorted, as lists in the order of sources
// (C mode) need it. Events of sound alone count for the film's length and no more.
func EDL(name string, data []byte, o Options) (*Timeline, error) {
	e, err := readEDL(name, utf8Of(data), o)
	if err != nil {
		return nil, err
	}
	for _, l := range e.lines {
		if l.marker != nil {
			return nil, bad(name, l.line, "it lists markers, not the events of a timeline", "use it with --ranges")
		}
	}
	slices.SortStableFunc(e.lines, func(a, b edlLine) int { return a.ri - b.ri })
	t := e.Timeline
	first := e.lines[0].ri
	ends := map[[2]int][]int{} // lines, by track and record out
	for i, l := range e.lines {
		k := [2]int{trackOf(l.track), l.ro}
		ends[k] = append(ends[k], i)
	}
	for i, l := range e.lines {
		t.Length = max(t.Length, l.ro)
		track := trackOf(l.track)
		if track == 0 || l.ri == l.ro {
			continue
		}
		if l.kind == "K" || l.kind == "KO" {
			track += keyed
		}
		to := l.from
		if l.kind != "C" && l.to != "" {
			to = l.to
		} else if i+1 < len(e.lines) && to == "" && e.lines[i+1].number == l.number && e.lines[i+1].to != "" {
			to = e.lines[i+1].from // the names of both sides stand behind the second
		}
		ev := Event{Line: l.line, Track: track, In: l.ri, Out: l.ro, Source: e.source(l, to)}
		if l.kind[0] == 'D' || l.kind[0] == 'W' {
			t.Transitions = append(t.Transitions, e.transition(i, ev, ends))
		} else if l.kind[0] == 'K' {
			ev.Effects += fmt.Sprintf("%s %d", l.kind, l.frames)
		}
		t.Events = append(t.Events, ev)
	}
	if err := t.settle(o, first); err != nil {
		return nil, err
	}
	return &t, t.apart()
}

// keyed is by how many layers the foreground of a key is above its background.
const keyed = 1000

var videoTrack = regexp.MustCompile(`V(\d*)`)

// trackOf returns the layer of a track, from 1, or 0 for sound alone.
func trackOf(name string) int {
	if name == "B" { // picture and sound
		return 1
	}
	m := videoTrack.FindStringSubmatch(name)
	if m == nil || name == "NONE" {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return min(max(n, 1), keyed-1)
}

// source is what an event shows, whose clip is known by name.
func (e *edl) source(l edlLine, clip string) Source {
	s := Source{Reel: strings.ToUpper(l.reel), Clip: clip, File: l.file, Speed: l.speed, Effects: l.effects}
	if isBlack(s.Reel) {
		return Source{Reel: "BLACK"}
	}
	in, errIn := e.sourceFrame(l.si)
	out, errOut := e.sourceFrame(l.so)
	switch {
	case errIn != nil: // of a source with another rate
		s.Phase = l.si
	case s.Speed == "" && (errOut != nil || out-in != l.ro-l.ri) && l.ro > l.ri:
		s.Speed = l.si + " to " + l.so + fmt.Sprintf(" in %d frames", l.ro-l.ri)
	}
	if errIn == nil {
		s.At = in
	}
	return s
}

func isBlack(reel string) bool { return reel == "BL" || reel == "BLK" || reel == "BLACK" }

func (e *edl) sourceFrame(text string) (int, error) {
	if e.Drop && !strings.Contains(text, ";") {
		if n, err := (Clock{e.Rate, true}).Frame(text); err == nil {
			return n, nil
		}
	}
	return At(text, e.Rate)
}

// transition is that into event number i of the lines, which are in the order of record.
// What it comes from is the line of the same number before it, whose event goes on; else
// the event that ends where it begins; else black.
func (e *edl) transition(i int, to Event, ends map[[2]int][]int) Transition {
	l := e.lines[i]
	n := l.frames
	if n == 0 || n > l.ro-l.ri {
		n = l.ro - l.ri
	}
	t := Transition{Line: l.line, Track: to.Track, In: l.ri, Out: l.ri + n, Kind: l.kind, To: to.content()}
	var from *edlLine
	for _, k := range ends[[2]int{to.Track, l.ri}] {
		if b := &e.lines[k]; k != i && (from == nil || b.number == l.number) {
			from = b
		}
	}
	if from == nil {
		return t
	}
	clip := from.from
	if from.to != "" {
		clip = from.to
	}
	if from.number == l.number && l.from != "" && l.to != "" {
		clip = l.from
	}
	s := e.source(*from, clip)
	if s.Reel == "BLACK" {
		return t
	}
	t.From = Event{In: from.ri, Out: from.ro, Source: s}.content().after(from.ro - from.ri)
	return t
}
