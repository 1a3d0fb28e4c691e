package timeline

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/media"
)

// Clock counts frames as SMPTE ST 12-1 does: hours, minutes, seconds, and frames of the
// nominal rate, which is 30 for 30000/1001. With Drop, which 29.97 and its multiples alone
// have, the first numbers of nine minutes in ten are left out, so that it keeps up with a
// clock on the wall.
type Clock struct {
	Rate media.Rational
	Drop bool
}

var timecode = regexp.MustCompile(`^(\d{1,4})[:;]([0-5]\d)[:;]([0-5]\d)([:;.,])(\d{2,4})$`)

// IsTimecode reports whether a text has the form of a timecode.
func IsTimecode(text string) bool { return timecode.MatchString(text) }

// At returns the number of the frame that a timecode names, from 00:00:00:00. The mark
// before the frames tells drop-frame (;) from non-drop counting (:).
func At(text string, rate media.Rational) (int, error) {
	m := timecode.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is no timecode", text)
	}
	return Clock{Rate: rate, Drop: m[4] != ":"}.number(m)
}

// Frame returns the number of the frame that a timecode names, from 00:00:00:00. A colon
// before the frames counts as the clock does.
func (c Clock) Frame(text string) (int, error) {
	m := timecode.FindStringSubmatch(text)
	switch {
	case m == nil:
		return 0, fmt.Errorf("%q is no timecode", text)
	case m[4] != ":" && !c.Drop:
		return 0, fmt.Errorf("%s is a drop-frame timecode, among others that are not", text)
	}
	return c.number(m)
}

func (c Clock) number(m []string) (int, error) {
	var v [4]int
	for i, s := range []string{m[1], m[2], m[3], m[5]} {
		v[i], _ = strconv.Atoi(s) // digits, and few of them
	}
	base := c.Base()
	if base == 0 || v[3] >= base {
		return 0, fmt.Errorf("%s has the frame %d, at %d frames a second", m[0], v[3], base)
	}
	minutes := v[0]*60 + v[1]
	frame := (minutes*60+v[2])*base + v[3]
	if !c.Drop {
		return frame, nil
	}
	if !Drops(c.Rate) {
		return 0, fmt.Errorf("%s is a drop-frame timecode, which %s has not", m[0], c.Rate)
	}
	drop := base / 15
	if v[2] == 0 && v[3] < drop && minutes%10 != 0 {
		return 0, fmt.Errorf("%s is a timecode that drop-frame counting leaves out", m[0])
	}
	return frame - drop*(minutes-minutes/10), nil
}

// Text returns the timecode of a frame, counted from 00:00:00:00.
func (c Clock) Text(frame int) string {
	base := c.Base()
	if base == 0 {
		return strconv.Itoa(frame) + "f"
	}
	if frame < 0 {
		return "-" + c.Text(-frame)
	}
	n, mark := frame, ":"
	if c.Drop && Drops(c.Rate) {
		drop, mark2 := base/15, ";"
		ten, minute := base*600-9*drop, base*60-drop
		tens, rest := n/ten, n%ten
		n += tens * 9 * drop
		if rest >= base*60 { // the first minute of ten leaves nothing out
			n += drop * (1 + (rest-base*60)/minute)
		}
		mark = mark2
	}
	s := n / base
	return fmt.Sprintf("%02d:%02d:%02d%s%02d", s/3600, s/60%60, s%60, mark, n%base)
}

// Base is the nominal number of frames in a second, 30 for 30000/1001; 0 without a rate.
func (c Clock) Base() int {
	if !c.Rate.Valid() {
		return 0
	}
	return int((c.Rate.Num-1)/c.Rate.Den + 1)
}

// Drops reports whether a rate may be counted in drop-frame.
func Drops(rate media.Rational) bool {
	return rate.Den == 1001 && rate.Num%30000 == 0
}

// rates are those that films have.
var rates = []media.Rational{
	{Num: 24000, Den: 1001},
	{Num: 24, Den: 1},
	{Num: 25, Den: 1},
	{Num: 30000, Den: 1001},
	{Num: 30, Den: 1},
	{Num: 48000, Den: 1001},
	{Num: 48, Den: 1},
	{Num: 50, Den: 1},
	{Num: 60000, Den: 1001},
	{Num: 60, Den: 1},
	{Num: 72, Den: 1},
	{Num: 96, Den: 1},
	{Num: 100, Den: 1},
	{Num: 120000, Den: 1001},
	{Num: 120, Den: 1},
}

// ParseRate reads a frame rate as people and lists write it: 25, 23.976, 29.97 or
// 30000/1001.
func ParseRate(text string) (media.Rational, error) {
	if r, err := media.ParseRational(strings.TrimSpace(text)); err == nil && r.Valid() && r.Float() < 1000 {
		return r, nil
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if r, ok := nearest(v); err == nil && ok {
		return r, nil
	}
	return media.Rational{}, fmt.Errorf("%q is no frame rate", text)
}

// nearest returns the film rate that a rounded number means.
func nearest(v float64) (media.Rational, bool) {
	for _, r := range rates {
		if math.Abs(r.Float()-v) < 0.006 { // 23.98 and 23.97 mean 24000/1001
			return r, true
		}
	}
	return media.Rational{}, false
}

// sameRate reports whether two rates are the same fraction.
func sameRate(a, b media.Rational) bool { return a.Num*b.Den == b.Num*a.Den }
