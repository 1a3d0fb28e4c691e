package job

import "strconv"

// Sound says whose sound a film has, where it is not that of its source alone.
type Sound struct {
	// Source and Name are of a file whose audio tracks are copied, packet by packet, in
	// place of the source's; its first frame is shown with the film's.
	Source string `json:"source,omitempty" doc:"where audio tracks are copied from, in place of the source's, such as the deliverable that is patched"`
	Name   string `json:"name,omitempty" doc:"name of that source, for reports"`
	// Base is the SHA-256 of the deliverable that Source is. The film is then refused where
	// it isn't as long, or shares frames with it that are shown at another time: that sound
	// would not follow them.
	Base string `json:"base,omitempty" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of the deliverable that the sound's source is: a film is refused whose length is another, or in which frames of it moved"`
	// Edits has the sound of the edits take the place of the source's, where their frames do.
	Edits bool `json:"edits,omitempty" doc:"the edits bring their sound; each track is then encoded anew, as a whole"`
}

func (s Spec) checkSound(is *Issues, also []SourceKind) {
	if s.Sound == nil {
		return
	}
	bad := func(field, title, hint string) { is.add("bad-sound", "sound"+field, title, hint) }
	switch d := s.Sound; {
	case d.Edits == (d.Source != ""):
		bad("", "it says neither a source nor edits, or both", "give one of them")
	case d.Base != "" && !digestForm.MatchString(d.Base):
		bad(".base", strconv.Quote(d.Base)+" is no SHA-256", "give the 64 hexadecimal digits of the deliverable's digest")
	case d.Base != "" && d.Source == "":
		bad(".base", "there is no source", "leave base out")
	case s.Audio == "none":
		bad("", "the film has no sound", "leave sound out, or let audio be another than none")
	case d.Edits && len(s.Edits) == 0:
		bad(".edits", "there are no edits", "leave sound out")
	case d.Source != "" && KindOf(d.Source) == Stdin:
		bad(".source", "standard input can't be a part of a film", "write it into a file first")
	case d.Source != "":
		var of Issues
		Spec{Source: d.Source}.checkSource(&of, also)
		for _, o := range of {
			is.add(o.Slug, "sound.source", o.Title, o.Hint)
		}
	}
}
