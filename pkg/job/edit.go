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
