// Package timeline reads the lists that editors write of their timelines, and tells which
// frames of two of them differ.
//
// The record side of a list is the film that it makes: record in and out are the first
// frame of an event and the first behind it. The source side is what the event shows. A
// list tells where pictures come from and when they are shown; what a grade or an effect
// made of them it tells seldom, and no comparison of lists finds what they don't tell.
//
// Everything here is pure: bytes in, values out. What is wrong with a list is a
// [fault.Error] of type bad-timeline that names file and line.
package timeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/media"
)

// Timeline is a list as it was read.
type Timeline struct {
	// Name is the list's file.
	Name string
	Clock
	// Start is the number, from 00:00:00:00, of the frame that is the film's first one, and
	// Length the number of the film's frames.
	Start, Length int
	Events        []Event
	Transitions   []Transition
}

// Event shows a source for a while.
type Event struct {
	// Line is where the list has it, from 1.
	Line int
	// Track is the layer, counted upwards: what lies above may hide what is below.
	Track int
	// In and Out are frames of the film, counted from 0, Out not included.
	In, Out int
	Source
}

// Source is what an event shows.
type Source struct {
	// Reel, Clip and File name where the pictures come from, as far as the list does.
	Reel, Clip, File string
	// At is the frame of the source that is shown first, in frames of the timeline's rate,
	// and Phase what is left where that is no whole number.
	At    int
	Phase string
	// Speed is "" where source and film run alike, else what the list says of it.
	Speed string
	// Effects are what the list tells of how the pictures are treated, or made.
	Effects string
}

// Transition is a dissolve or a wipe: for its range it stands in the place of the events
// of its track.
type Transition struct {
	Line, Track, In, Out int
	// Kind is what the list calls it. From and To are what its two sides show at In, the
	// zero Content for black.
	Kind     string
	From, To Content
}

// Content is what one frame shows, as far as a list tells: frames with equal contents look
// the same. Within an event At grows with each frame.
type Content struct {
	Of string
	At int
}

// content is what the first frame of an event shows. A source that runs at a speed of its
// own is only the same from the same beginning on, since nobody tells between which of its
// frames a player chooses; and what is treated is only the same in an event of the same
// length, since a title's animation or a move across a still goes by that.
func (e Event) content() Content {
	of := []string{e.Reel, e.Clip, e.File, e.Phase, e.Speed, e.Effects}
	c := Content{Of: strings.Join(of, "\x00"), At: e.At}
	if e.Effects != "" {
		c.Of = fmt.Sprintf("%s\x00%d long", c.Of, e.Out-e.In)
	}
	if e.Speed != "" || e.Effects != "" {
		c.Of, c.At = fmt.Sprintf("%s\x00%d", c.Of, e.At), 0
	}
	return c
}

// after is what is shown n frames later.
func (c Content) after(n int) Content {
	if c.Of == "" {
		return c
	}
	return Content{c.Of, c.At + n}
}

// Options are what a list doesn't tell.
type Options struct {
	// Rate is the frame rate of the film; the zero value where the list must tell it.
	Rate media.Rational
	// Start is the timecode of the film's first frame, "" for what the list tells: the first
	// record in of an EDL, the beginning of the other timelines.
	Start string
}

// longest bounds a film, in frames: 100 hours at 120 a second and some.
const longest = 1 << 26

// bad returns what is wrong at a line of a list; line 0 is for the list as a whole.
func bad(name string, line int, title, hint string) error {
	where := name
	if line > 0 {
		where = fmt.Sprintf("%s:%d", name, line)
	}
	return fault.Userf("bad-timeline", where, title, hint)
}

// settle moves the events, which are numbered from 00:00:00:00, to the film's frames.
// first is where the film begins if nobody says otherwise.
func (t *Timeline) settle(o Options, first int) error {
	t.Start = first
	if o.Start != "" {
		var err error
		if t.Start, err = t.Frame(o.Start); err != nil {
			return bad(t.Name, 0, "the start can't be used: "+err.Error(), "give the timecode of the first frame, such as 01:00:00:00")
		}
	}
	shift := func(line int, in, out *int) error {
		*in, *out = *in-t.Start, *out-t.Start
		switch {
		case *in < 0:
			return bad(t.Name, line, fmt.Sprintf("%s is before the film begins at %s", t.Text(*in+t.Start), t.Text(t.Start)), "give an earlier start")
		case *out > longest:
			return bad(t.Name, line, "it ends more than a hundred hours behind the film's beginning", "mend its record times, or give a later start")
		}
		t.Length = max(t.Length, *out)
		return nil
	}
	t.Length -= t.Start
	for i := range t.Events {
		if err := shift(t.Events[i].Line, &t.Events[i].In, &t.Events[i].Out); err != nil {
			return err
		}
	}
	for i := range t.Transitions {
		if err := shift(t.Transitions[i].Line, &t.Transitions[i].In, &t.Transitions[i].Out); err != nil {
			return err
		}
	}
	switch {
	case t.Length > longest:
		return bad(t.Name, 0, "it is longer than a hundred hours", "give a later start, or mend its record times")
	case len(t.Events) == 0:
		return bad(t.Name, 0, "it has no picture", "export the timeline with its video tracks")
	}
	return nil
}

// apart checks that no two events of a track are shown at once.
func (t *Timeline) apart() error {
	sorted := slices.Clone(t.Events)
	slices.SortStableFunc(sorted, func(a, b Event) int { return a.In - b.In })
	last := map[int]Event{}
	for _, e := range sorted {
		l, ok := last[e.Track]
		if ok && e.In < l.Out {
			return bad(t.Name, e.Line, fmt.Sprintf("it is shown from %s on, while the event of line %d is until %s", t.Text(e.In+t.Start), l.Line, t.Text(l.Out+t.Start)),
				"export each video track to a list of its own, or mend the record times")
		}
		if !ok || e.Out > l.Out {
			last[e.Track] = e
		}
	}
	return nil
}
