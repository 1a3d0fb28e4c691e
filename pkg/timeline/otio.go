package timeline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/reweave/reweave/pkg/media"
)

// otio is a timeline of OpenTimelineIO on its way.
type otio struct {
	Timeline
	around string // the effects of the track, and of all tracks together
}

// OTIO reads the JSON of an OpenTimelineIO timeline (.otio), with its video tracks.
//
// Effects and what a nested composition holds are compared as they are written, metadata,
// markers and colours of clips are not.
func OTIO(name string, data []byte, o Options) (*Timeline, error) {
	root, err := parseJSON(name, utf8Of(data))
	if err != nil {
		return nil, err
	}
	if root.schema() == "SerializableCollection" {
		if kids := root.list("children"); len(kids) == 1 {
			root = kids[0]
		}
	}
	tracks := root.object("tracks")
	if root.schema() != "Timeline" || tracks == nil {
		return nil, bad(name, root.line, fmt.Sprintf("it is a %.40q and no Timeline with tracks", root.text("OTIO_SCHEMA")), "export one timeline alone")
	}
	if tracks.object("source_range") != nil {
		return nil, bad(name, tracks.line, "the stack of its tracks is trimmed (source_range)", "export the whole timeline")
	}
	x := &otio{Timeline: Timeline{Name: name}}
	if err := x.rate(root, tracks, o.Rate); err != nil {
		return nil, err
	}
	first := 0
	if g := root.object("global_start_time"); g != nil {
		m, err := x.moment(g)
		if err != nil {
			return nil, err
		}
		first, _ = m.frames(x.Rate)
	}
	layer := 0
	for _, t := range tracks.list("children") {
		at := &moment{}
		at.Mul(new(big.Rat).SetInt64(int64(first)), big.NewRat(x.Rate.Den, x.Rate.Num))
		video := t.text("kind") != "Audio" && t.fields["enabled"] != false
		if video {
			layer++
		}
		x.around = effects(tracks) + effects(t)
		if err := x.track(t, at, layer, video); err != nil {
			return nil, err
		}
	}
	if err := x.settle(o, first); err != nil {
		return nil, err
	}
	return &x.Timeline, nil
}

// rate finds the timeline's frame rate: that of its start, else of its first clip.
func (x *otio) rate(root, tracks *object, want media.Rational) error {
	v := 0.0
	if g := root.object("global_start_time"); g != nil {
		v, _ = g.fields["rate"].(float64)
	}
	for _, t := range tracks.list("children") {
		for _, c := range t.list("children") {
			if r := c.object("source_range"); r != nil && v == 0 && t.text("kind") != "Audio" {
				if d := r.object("duration"); d != nil {
					v, _ = d.fields["rate"].(float64)
				}
			}
		}
	}
	x.Rate = want
	switch {
	case v < 1 || v > 1000:
		if v != 0 || !want.Valid() {
			return bad(x.Name, root.line, "it tells no frame rate", "name it: --rate 25")
		}
	case want.Valid() && !sameRate(rateOf(v), want):
		return bad(x.Name, root.line, fmt.Sprintf("its frame rate is %s, not %s", rateOf(v), want), "compare timelines of the film's rate")
	default:
		x.Rate = rateOf(v)
	}
	return nil
}

// moment reads a RationalTime.
func (x *otio) moment(o *object) (*moment, error) {
	value, ok := o.fields["value"].(float64)
	rate, ok2 := o.fields["rate"].(float64)
	m, err := momentOf(value, rate)
	if err != nil || !ok || !ok2 {
		return nil, bad(x.Name, o.line, "it is no RationalTime with a value and a rate", "export the timeline again")
	}
	return m, nil
}

// span returns where an item begins in its own time, and how long it is: its source range,
// else that of its media, else what it holds.
func (x *otio) span(c *object) (start, long *moment, err error) {
	r := c.object("source_range")
	if r == nil {
		if m := media0(c); m != nil {
			r = m.object("available_range")
		}
	}
	if r == nil {
		long, err = x.length(c)
		return &moment{}, long, err
	}
	s, d := r.object("start_time"), r.object("duration")
	if s == nil || d == nil {
		return nil, nil, bad(x.Name, r.line, "a range has no start_time or no duration", "export the timeline again")
	}
	if start, err = x.moment(s); err == nil {
		long, err = x.moment(d)
	}
	if err == nil && long.Sign() < 0 {
		err = bad(x.Name, d.line, "a duration is negative", "export the timeline again")
	}
	return start, long, err
}

// media0 is the active media reference of a clip.
func media0(c *object) *object {
	if m := c.object("media_references"); m != nil {
		return m.object(cmp.Or(c.text("active_media_reference_key"), "DEFAULT_MEDIA"))
	}
	return c.object("media_reference")
}

// length is how long a composition is: a track as its items together, a stack as the
// longest.
func (x *otio) length(c *object) (*moment, error) {
	if _, ok := c.fields["children"].([]any); !ok {
		return nil, bad(x.Name, c.line, fmt.Sprintf("the %s %.40q has no source_range", c.schema(), c.text("name")), "export the timeline again")
	}
	sum := &moment{}
	for _, k := range c.list("children") {
		if k.schema() == "Transition" {
			continue
		}
		_, n, err := x.span(k)
		if err != nil {
			return nil, err
		}
		if c.schema() == "Track" {
			sum = sum.plus(n)
		} else if n.Cmp(&sum.Rat) > 0 {
			sum = n
		}
	}
	return sum, nil
}

// written is what an object holds, as text that depends on nothing else.
func written(o *object, without ...string) string {
	if o == nil {
		return ""
	}
	b, _ := json.Marshal(plain(o, without...)) // it was JSON
	return string(b)
}

// effects are the effects of an object, as text; "" where it has none.
func effects(o *object) string {
	list, ok := o.fields["effects"].([]any)
	if !ok || len(list) == 0 {
		return ""
	}
	b, _ := json.Marshal(plain(list)) // it was JSON
	return string(b)
}
