package job

import "fmt"

// Edit replaces a stretch of the source's frames.
type Edit struct {
	// From and To are frames of the source, counted from 0, To not included. With Ripple
	// they may be equal: then frames are inserted.
	From int `json:"from" minimum:"0" doc:"first frame to replace, from 0"`
	To   int `json:"to" minimum:"0" doc:"first frame not to replace"`
	// Source and Name are those of the new frames, as in a [Spec].
	Source string `json:"source" doc:"where the new frames come from" minLength:"1"`
	Name   string `json:"name,omitempty" doc:"name of that source, for reports"`
	// Aligned says that the source holds the whole film, so that its frames From to To are
	// meant; else all of its frames are.
	Aligned bool `json:"aligned,omitempty" doc:"the source holds the whole film, and not the new frames alone"`
	// Ripple lets the number of frames differ: what is behind moves.
	Ripple bool `json:"ripple,omitempty" doc:"the number of frames may differ, and what is behind moves"`
	// Part is what of the source is meant, nil for all of it.
	Part *EditPart `json:"part,omitempty" doc:"frames of that source that are meant; default all"`
	// Mute leaves the edit's sound out where the others' is taken.
	Mute bool `json:"mute,omitempty" doc:"with sound.edits: not of this one"`
}

// EditPart are some of the frames of a source.
type EditPart struct {
	// From and To are counted from 0, To not included.
	From int `json:"from" minimum:"0" doc:"first frame, from 0"`
	To   int `json:"to" minimum:"1" doc:"first frame not to take"`
	// Of is how many frames the source has, 0 for any number.
	Of int `json:"of,omitempty" minimum:"0" doc:"number of the source's frames, where any other is to be refused"`
}

// Count returns the first frame of its source that an edit takes, and how many it takes; 0
// where only the source tells.
func (e Edit) Count() (first, n int) {
	switch {
	case e.Part != nil:
		return e.Part.From, e.Part.To - e.Part.From
	case e.Aligned:
		return e.From, e.To - e.From
	case e.Ripple:
		return 0, 0
	}
	return 0, e.To - e.From
}

func (s Spec) checkEdits(is *Issues, also []SourceKind) {
	end, ripples := 0, false
	for i, e := range s.Edits {
		field := fmt.Sprintf("edits[%d]", i)
		bad := func(title, hint string) { is.add("bad-range", field, title, hint) }
		switch {
		case e.From < 0 || e.To < e.From:
			bad(fmt.Sprintf("frames %d to %d are no range", e.From, e.To), "end it behind its beginning")
		case e.From == e.To && !e.Ripple:
			bad("it replaces no frame", "let the film grow: ripple")
		case e.Aligned && e.Ripple:
			bad("a source that is aligned has the film's length", "leave ripple or aligned out")
		case e.Part != nil && (e.Aligned || e.Part.From < 0 || e.Part.To <= e.Part.From || e.Part.Of > 0 && e.Part.To > e.Part.Of):
			bad(fmt.Sprintf("frames %d to %d are no part of its source", e.Part.From, e.Part.To), "name frames that it has, and leave aligned out")
		case e.From < end:
			bad(fmt.Sprintf("it begins at frame %d, before the one before it ends at %d", e.From, end), "put the ranges in order, apart from each other")
		}
		end, ripples = max(end, e.To), ripples || e.Ripple
		var of Issues
		Spec{Source: e.Source}.checkSource(&of, also)
		for _, o := range of {
			is.add(o.Slug, field+".source", o.Title, o.Hint)
		}
		if KindOf(e.Source) == Stdin {
			bad("standard input can't be a part of a film", "write it into a file first")
		}
	}
	if ripples && s.Audio != "none" && (s.Sound == nil || !s.Sound.Edits) {
		is.add("ripple-with-audio", "audio", "the sound doesn't follow an edit that changes the film's length", "let the edits bring theirs (sound.edits), use audio none, or give a whole new source")
	}
}
