package timeline

import "fmt"

// track reads a track whose first frame is shown at a time. Of one without pictures the
// length counts.
func (x *otio) track(t *object, at *moment, layer int, video bool) error {
	if t.schema() != "Track" || t.object("source_range") != nil {
		if t.schema() != "Track" && t.schema() != "Stack" && t.schema() != "Clip" && t.schema() != "Gap" {
			return bad(x.Name, t.line, fmt.Sprintf("a %.40q is no track", t.text("OTIO_SCHEMA")), "export the timeline again")
		}
		_, err := x.item(t, at, layer, video) // trimmed, or nested: as a whole
		return err
	}
	before := -1
	var pending []int // transitions that wait for what follows
	for _, c := range t.list("children") {
		if c.schema() == "Transition" {
			if !video {
				continue
			}
			if err := x.transition(c, at, layer, before); err != nil {
				return err
			}
			pending = append(pending, len(x.Transitions)-1)
			continue
		}
		n := len(x.Events)
		end, err := x.item(c, at, layer, video)
		if err != nil {
			return err
		}
		before, at = -1, end
		if len(x.Events) > n {
			before = n
			for _, p := range pending {
				tr, e := &x.Transitions[p], x.Events[n]
				tr.To = e.content().after(tr.In - e.In)
			}
		}
		pending = nil
	}
	return nil
}

// item reads what has a place in a track, and returns when it ends.
func (x *otio) item(c *object, at *moment, layer int, video bool) (end *moment, err error) {
	start, long, err := x.span(c)
	if err != nil {
		return nil, err
	}
	end = at.plus(long)
	from, rest := at.frames(x.Rate)
	to, rest2 := end.frames(x.Rate)
	x.Length = max(x.Length, to)
	if to > 4*longest || to < -4*longest {
		return nil, bad(x.Name, c.line, "it lies more than a hundred hours away", "export the timeline again")
	}
	if !video || c.schema() == "Gap" || c.fields["enabled"] == false || from == to {
		return end, nil
	}
	if rest+rest2 != "" {
		return nil, bad(x.Name, c.line, fmt.Sprintf("the %s %.60q doesn't begin or end with a frame of the timeline", c.schema(), c.text("name")), "let the editor conform it to frames, and export the timeline again")
	}
	s := Source{Clip: c.schema()}
	s.At, s.Phase = start.frames(x.Rate)
	if m := media0(c); m != nil {
		if s.File = m.text("target_url"); s.File == "" {
			s.File = written(m, "available_range")
			s.Clip += " " + c.text("name")
			if m.schema() == "GeneratorReference" {
				s.Effects = "generated"
			}
		} else if m.schema() == "ImageSequenceReference" {
			s.File = written(m)
		}
	}
	for _, e := range c.list("effects") {
		switch e.schema() {
		case "LinearTimeWarp", "FreezeFrame", "TimeEffect":
			s.Speed = "retimed"
		}
	}
	s.Effects += effects(c) + x.around
	if _, nested := c.fields["children"]; nested {
		s.File = written(c, "source_range", "name", "effects")
	}
	x.Events = append(x.Events, Event{Line: c.line, Track: layer, In: from, Out: to, Source: s})
	return end, nil
}

// transition adds a transition at the cut at a time, behind event number before, -1 for
// black. What it reaches into on either side is told by its offsets.
func (x *otio) transition(c *object, cut *moment, layer, before int) error {
	in, out := c.object("in_offset"), c.object("out_offset")
	if in == nil || out == nil {
		return bad(x.Name, c.line, "the transition has no in_offset or no out_offset", "export the timeline again")
	}
	head, err := x.moment(in)
	if err != nil {
		return err
	}
	tail, err := x.moment(out)
	if err != nil {
		return err
	}
	from, rest := cut.minus(head).frames(x.Rate)
	to, rest2 := cut.plus(tail).frames(x.Rate)
	if rest+rest2 != "" || to < from {
		return bad(x.Name, c.line, "the transition doesn't begin or end with a frame of the timeline", "let the editor conform it to frames, and export the timeline again")
	}
	t := Transition{Line: c.line, Track: layer, In: from, Out: to, Kind: written(c, "in_offset", "out_offset", "name") + x.around}
	if before >= 0 {
		e := x.Events[before]
		t.From = e.content().after(from - e.In)
	}
	x.Transitions = append(x.Transitions, t)
	return nil
}
