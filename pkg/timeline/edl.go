package timeline

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/media"
)

const tc = `(\d{1,4}[:;]\d\d[:;]\d\d[:;.,]\d{2,4})`

var (
	edlEvent = regexp.MustCompile(`^(\d+)[A-Z]?\s+(\S.*?)\s+([A-Z][A-Z0-9/]*)\s+(C|D|W\d{0,3}|K\s*B|K\s*O|K)\s+(?:(\d{1,4})\s+)?` +
		tc + `\s+` + tc + `\s+` + tc + `\s+` + tc + `(?:\s.*)?$`)
	edlSpeed   = regexp.MustCompile(`^M2\s+(\S.*?)\s+([-+]?\d+(?:\.\d+)?)(?:\s+\S+)?$`)
	edlFCM     = regexp.MustCompile(`^FCM\s*:\s*(NON[- ]?DROP|DROP)(?:[- ]FRAME)?\b`)
	edlNumber  = regexp.MustCompile(`^\d{3,}\s`)
	edlMarker  = regexp.MustCompile(`\|C:(\S*)\s*\|M:(.*?)\s*\|D:(\d+)\s*$`)
	edlComment = regexp.MustCompile(`^\*\s*(.*)$`)
)

// edlLine is an event as its line has it.
type edlLine struct {
	line         int
	number, reel string
	track, kind  string
	frames       int // of the transition
	si, so       string
	ri, ro       int // from 00:00:00:00
	// from, to and file are the names in the comments behind it; they belong to the first
	// and to the second side where there are two.
	from, to, file string
	speed, effects string
	marker         *marker
}

// marker is a note of DaVinci Resolve on an event.
type marker struct {
	name   string
	frames int
}

// edl is a list on its way.
type edl struct {
	Timeline
	opts   Options
	fcm    string // as the list has it
	lines  []edlLine
	texts  []string
	events int // lines that look like events
}

// readEDL reads the lines of a CMX3600 list.
func readEDL(name, text string, o Options) (*edl, error) {
	e := &edl{Timeline: Timeline{Name: name, Clock: Clock{Rate: o.Rate}}, opts: o, texts: linesOf(text)}
	if err := e.counting(); err != nil {
		return nil, err
	}
	for i, l := range e.texts {
		if err := e.read(i+1, strings.TrimSpace(l)); err != nil {
			return nil, err
		}
	}
	if len(e.lines) == 0 {
		return nil, bad(name, 0, "it has no event", "give a CMX3600 list, whose events are lines such as 001 REEL V C and four timecodes")
	}
	return e, nil
}

// counting finds out how the list's record times count.
func (e *edl) counting() error {
	marked := 0 // line of the first record time that is marked as drop-frame
	for i, l := range e.texts {
		l = strings.ToUpper(strings.TrimSpace(l))
		if m := edlFCM.FindStringSubmatch(l); m != nil {
			fcm := "non-drop"
			if m[1] == "DROP" {
				fcm = "drop"
			}
			if e.fcm != "" && e.fcm != fcm {
				return bad(e.Name, i+1, "the counting changes from "+e.fcm+" to "+fcm+" frame", "export the list with one frame count mode (FCM)")
			}
			e.fcm = fcm
		} else if m := edlEvent.FindStringSubmatch(l); m != nil && marked == 0 && strings.Contains(m[8]+m[9], ";") {
			marked = i + 1
		}
	}
	if marked > 0 && e.fcm == "non-drop" {
		return bad(e.Name, marked, "it has drop-frame timecode, and FCM says non-drop frame", "export the list with one frame count mode (FCM)")
	}
	e.Drop = e.fcm == "drop" || marked > 0
	switch {
	case !e.Rate.Valid() && e.Drop:
		e.Rate = media.Rational{Num: 30000, Den: 1001}
	case !e.Rate.Valid():
		return bad(e.Name, 0, "an EDL doesn't tell its frame rate", "name it: --rate 25")
	case e.Drop && !Drops(e.Rate):
		return bad(e.Name, marked, fmt.Sprintf("it counts in drop frame, which %s has not", e.Rate), "check the frame rate, or export it as non-drop frame")
	}
	return nil
}

// read reads one line.
func (e *edl) read(n int, l string) error {
	if m := edlMarker.FindStringSubmatch(l); m != nil {
		if len(e.lines) == 0 {
			return bad(e.Name, n, "a marker without an event", "export the markers again")
		}
		frames, err := strconv.Atoi(m[3])
		if err != nil || frames > longest {
			return bad(e.Name, n, "the marker's duration |D:"+m[3]+" is no number of frames", "export the markers again")
		}
		e.last().marker = &marker{name: strings.TrimSpace(m[2]), frames: frames}
		return nil
	}
	upper := strings.ToUpper(l)
	if m := edlEvent.FindStringSubmatch(upper); m != nil {
		at := edlEvent.FindStringSubmatchIndex(upper)
		if len(upper) == len(l) { // reels as they are written
			m[2] = l[at[4]:at[5]]
		}
		return e.event(n, m)
	}
	if m := edlSpeed.FindStringSubmatch(upper); m != nil {
		return e.speed(n, m)
	}
	if m := edlComment.FindStringSubmatch(l); m != nil {
		e.comment(m[1])
		return nil
	}
	if edlNumber.MatchString(l) {
		return bad(e.Name, n, fmt.Sprintf("%.60q is no event", l), "an event is: number, reel, track, C, D or Wnnn, frames of a transition, source in and out, record in and out")
	}
	return nil // TITLE, FCM, SPLIT, and what editors add
}

func (e *edl) last() *edlLine { return &e.lines[len(e.lines)-1] }

// event reads the line of an event.
func (e *edl) event(n int, m []string) error {
	l := edlLine{line: n, number: m[1], reel: m[2], track: m[3], kind: strings.Join(strings.Fields(m[4]), ""), si: m[6], so: m[7]}
	l.frames, _ = strconv.Atoi(m[5]) // at most four digits, or none
	var err error
	if l.ri, err = e.Frame(m[8]); err == nil {
		l.ro, err = e.Frame(m[9])
	}
	switch {
	case err != nil:
		return bad(e.Name, n, err.Error(), "check the frame rate, and that all record times count alike")
	case l.ro < l.ri:
		return bad(e.Name, n, fmt.Sprintf("its record out %s is before its record in %s", m[9], m[8]), "mend it; a timeline that passes midnight must begin earlier")
	}
	e.lines = append(e.lines, l)
	return nil
}

// speed reads a motion effect (M2): frames a second, of the event with that reel.
func (e *edl) speed(n int, m []string) error {
	if len(e.lines) == 0 {
		return bad(e.Name, n, "a speed (M2) without an event", "export the list again")
	}
	at, last := len(e.lines)-1, e.last()
	for k := at; k >= 0 && e.lines[k].number == last.number; k-- {
		if strings.EqualFold(e.lines[k].reel, m[1]) {
			at = k
			break
		}
	}
	v, _ := strconv.ParseFloat(m[2], 64) // digits
	e.lines[at].speed = strconv.FormatFloat(v, 'g', -1, 64) + " frames a second"
	return nil
}

// treatments begin comments that tell how the pictures are treated.
var treatments = []string{"ASC_", "EFFECT", "AVX", "OPTICAL", "BLEND", "FREEZE", "* FREEZE", "RESIZE", "TIMEWARP", "MOTION", "KEY"}

// comment takes up what a comment tells of the event before it.
func (e *edl) comment(text string) {
	if len(e.lines) == 0 {
		return
	}
	l, upper := e.last(), strings.ToUpper(text)
	value := func(keys ...string) (string, bool) {
		for _, k := range keys {
			if len(text) >= len(k) && strings.EqualFold(text[:len(k)], k) {
				return strings.TrimSpace(text[len(k):]), true
			}
		}
		return "", false
	}
	if v, ok := value("FROM CLIP NAME:", "CLIP NAME:"); ok {
		l.from = v
	} else if v, ok := value("TO CLIP NAME:"); ok {
		l.to = v
	} else if v, ok := value("SOURCE FILE:", "FROM CLIP:", "FROM FILE:", "TO CLIP:", "TO FILE:"); ok {
		l.file += v + "\x00"
	}
	for _, t := range treatments {
		if strings.HasPrefix(upper, t) {
			l.effects += upper + "\x00"
			break
		}
	}
}
