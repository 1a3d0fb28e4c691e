package timeline

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"

	"github.com/reweave/reweave/pkg/media"
)

// fcpxml is a project of Final Cut Pro on its way.
type fcpxml struct {
	Timeline
	resources map[string]*element
	resolved  map[string]string // by id
	within    []string          // the resources that are being resolved
	begin     *moment           // when the sequence begins
	first     int               // the number of the frame that is shown then
}

var fcpxmlVersion = regexp.MustCompile(`^1\.(\d{1,2})$`)

// FCPXML reads FCPXML 1.8 to 1.13 with one project, or the Info.fcpxml of a bundle.
//
// Clips of the primary storyline and those connected to it are events, by layer. What a
// clip's element holds, such as filters, transforms and retiming, is compared too, but for
// markers, keywords, metadata and sound.
func FCPXML(name string, data []byte, o Options) (*Timeline, error) {
	root, err := parseXML(name, utf8Of(data))
	if err != nil {
		return nil, err
	}
	doc := root.kid("fcpxml")
	if doc == nil {
		return nil, bad(name, 0, "it is no FCPXML", "export the project as XML")
	}
	if m := fcpxmlVersion.FindStringSubmatch(doc.attrs["version"]); m == nil || len(m[1]) < 2 && m[1] < "8" || len(m[1]) == 2 && m[1] > "13" {
		return nil, bad(name, doc.line, fmt.Sprintf("its version is %q", doc.attrs["version"]), "export it as FCPXML 1.8 to 1.13")
	}
	var sequences []*element
	for _, p := range doc.all("project") {
		sequences = append(sequences, p.all("sequence")...)
	}
	if len(sequences) != 1 {
		return nil, bad(name, doc.line, fmt.Sprintf("it holds %d projects", len(sequences)), "export one project alone")
	}
	f := &fcpxml{Timeline: Timeline{Name: name}, resources: map[string]*element{}, resolved: map[string]string{}}
	if r := doc.kid("resources"); r != nil {
		for _, k := range r.kids {
			f.resources[k.attrs["id"]] = k
		}
	}
	if err := f.sequence(sequences[0], o.Rate); err != nil {
		return nil, err
	}
	if err := f.settle(o, f.first); err != nil {
		return nil, err
	}
	return &f.Timeline, nil
}

// sequence reads the timeline itself.
func (f *fcpxml) sequence(s *element, want media.Rational) error {
	format := f.resources[s.attrs["format"]]
	if format == nil || format.attrs["frameDuration"] == "" {
		return bad(f.Name, s.line, "the sequence's format tells no frame rate", "export the project again")
	}
	d, err := parseXMLTime(format.attrs["frameDuration"])
	if err != nil || d.Sign() <= 0 || !d.Num().IsInt64() || !d.Denom().IsInt64() {
		return bad(f.Name, format.line, "its frameDuration is no length of a frame", "export the project again")
	}
	f.Rate = media.Rational{Num: d.Denom().Int64(), Den: d.Num().Int64()}
	if f.Rate.Float() > 1000 || f.Rate.Float() < 1 {
		return bad(f.Name, format.line, fmt.Sprintf("%s is no frame rate", f.Rate), "export the project again")
	}
	if want.Valid() && !sameRate(want, f.Rate) {
		return bad(f.Name, s.line, fmt.Sprintf("its frame rate is %s, not %s", f.Rate, want), "compare timelines of the film's rate")
	}
	f.Drop = s.attrs["tcFormat"] == "DF" && Drops(f.Rate)
	if f.begin, err = f.time(s, "tcStart", &moment{}); err != nil {
		return err
	}
	f.first, _ = f.begin.plus(&moment{*big.NewRat(f.Rate.Den, 2*f.Rate.Num)}).frames(f.Rate) // to the nearest
	spine := s.kid("spine")
	if spine == nil {
		return bad(f.Name, s.line, "the sequence has no spine", "export the project again")
	}
	if err = f.spine(spine, f.begin, 0); err != nil {
		return err
	}
	long, err := f.time(s, "duration", &moment{})
	if err != nil {
		return err
	}
	end, _ := f.frame(f.begin.plus(long))
	f.Length = max(f.Length, end)
	return nil
}

// frame is the number of the frame that is shown at a time of the record. Sequences may
// begin between two: timecodes are counted otherwise than seconds.
func (f *fcpxml) frame(m *moment) (n int, rest string) {
	n, rest = m.minus(f.begin).frames(f.Rate)
	return f.first + n, rest
}

// time reads an attribute, or returns what is the case without it.
func (f *fcpxml) time(e *element, attr string, without *moment) (*moment, error) {
	v, ok := e.attrs[attr]
	if !ok && without != nil {
		return without, nil
	} else if !ok {
		return nil, bad(f.Name, e.line, fmt.Sprintf("the %s has no %s", e.name, attr), "export the project again")
	}
	t, err := parseXMLTime(v)
	if err != nil {
		return nil, bad(f.Name, e.line, attr+": "+err.Error(), "export the project again")
	}
	if s, _ := t.Float64(); s > 1e7 || s < -1e7 {
		return nil, bad(f.Name, e.line, fmt.Sprintf("%s: %.40s is no time of a film", attr, v), "export the project again")
	}
	return t, nil
}

// spine reads a storyline that begins at a time of the record. Its items follow each
// other; where they tell their offset, that counts.
func (f *fcpxml) spine(s *element, at *moment, layer int) error {
	next := at
	var origin *moment
	before, pending := -1, []int(nil) // the event before, and transitions that wait for one
	for _, k := range s.kids {
		if !isItem(k) {
			continue
		}
		offset, err := f.time(k, "offset", next.minus(at))
		if err != nil {
			return err
		}
		if origin == nil {
			if origin = offset; k.attrs["offset"] == "" {
				origin = &moment{}
			}
		}
		if k.attrs["offset"] != "" {
			offset = offset.minus(origin)
		}
		in := at.plus(offset)
		if k.name == "transition" {
			if err := f.transition(k, in, layer, before); err != nil {
				return err
			}
			pending = append(pending, len(f.Transitions)-1)
			continue
		}
		n := len(f.Events)
		long, err := f.item(k, in, layer)
		if err != nil {
			return err
		}
		before = -1
		if len(f.Events) > n && f.Events[n].Line == k.line && f.Events[n].Track == layer {
			before = n
			for _, p := range pending {
				t, e := &f.Transitions[p], f.Events[n]
				t.To = e.content().after(t.In - e.In)
			}
		}
		pending, next = nil, in.plus(long)
	}
	return nil
}

// silent are elements that no picture comes from.
var silent = []string{
	"audio", "caption", "marker", "chapter-marker", "analysis-marker", "hidden-clip-marker", "rating", "keyword", "note", "metadata",
	"adjust-volume", "adjust-panner", "adjust-loudness", "adjust-noiseReduction", "adjust-humReduction", "adjust-EQ", "adjust-matchEQ",
	"adjust-voiceIsolation", "audio-channel-source", "audio-role-source", "audio-source", "filter-audio", "bookmark", "import-options", "smart-collection",
}

// isMedia reports whether an element within a clip is what is shown, and not how.
func isMedia(e *element) bool {
	return isItem(e) || slices.Contains([]string{"spine", "sequence", "mc-source", "sync-source", "conform-rate"}, e.name)
}

// isItem reports whether an element has a place in a storyline.
func isItem(e *element) bool {
	switch e.name {
	case "asset-clip", "clip", "video", "title", "ref-clip", "sync-clip", "mc-clip", "audition", "gap", "transition", "live-drawing":
		return true
	}
	return e.name == "audio"
}

// item reads a clip that begins at a time of the record, and what is connected to it. It
// returns how long it is.
func (f *fcpxml) item(e *element, in *moment, layer int) (*moment, error) {
	if e.name == "audition" { // its first clip is the one that was chosen
		for _, k := range e.kids {
			if isItem(k) {
				return f.item(k, in, layer)
			}
		}
		return nil, bad(f.Name, e.line, "the audition has no clip", "finalize it, and export the project again")
	}
	var without *moment
	if r := f.resources[e.attrs["ref"]]; r != nil {
		if s := r.kid("sequence"); s != nil {
			r = s
		}
		without, _ = parseXMLTime(r.attrs["duration"])
	}
	long, err := f.time(e, "duration", without)
	if err != nil {
		return nil, err
	}
	start, err := f.time(e, "start", &moment{})
	if err != nil {
		return nil, err
	}
	if err := f.event(e, in, long, start, layer); err != nil {
		return nil, err
	}
	for _, k := range e.kids {
		lane, _ := strconv.Atoi(k.attrs["lane"])
		if lane == 0 || !isItem(k) && k.name != "spine" || len(k.attrs["lane"]) > 4 {
			continue
		}
		offset, err := f.time(k, "offset", start)
		if err != nil {
			return nil, err
		}
		at := in.plus(offset.minus(start))
		if k.name == "spine" {
			err = f.spine(k, at, layer+lane)
		} else {
			_, err = f.item(k, at, layer+lane)
		}
		if err != nil {
			return nil, err
		}
	}
	return long, nil
}

// event adds a clip's picture, if it has one.
func (f *fcpxml) event(e *element, in, long, start *moment, layer int) error {
	from, rest := f.frame(in)
	to, rest2 := f.frame(in.plus(long))
	if rest+rest2 != "" && e.name != "audio" {
		return bad(f.Name, e.line, fmt.Sprintf("the %s %q doesn't begin or end with a frame of the timeline", e.name, e.attrs["name"]), "let the editor conform it to frames, and export the project again")
	}
	if to < from {
		return bad(f.Name, e.line, "it ends before it begins", "export the project again")
	}
	f.Length = max(f.Length, to)
	if !f.visible(e) {
		return nil
	}
	s := Source{Clip: e.name, File: f.resolve(e.attrs["ref"])}
	s.At, s.Phase = start.frames(f.Rate)
	if slices.ContainsFunc(e.kids, func(k *element) bool { return k.name == "timeMap" }) {
		s.Speed = "retimed"
	}
	s.File += f.look(e, isMedia, "srcEnable")
	s.Effects = f.look(e, func(k *element) bool { return !isMedia(k) })
	if r := f.resources[e.attrs["ref"]]; r != nil && r.name == "effect" {
		s.Effects += "generated"
	}
	f.Events = append(f.Events, Event{Line: e.line, Track: layer, In: from, Out: to, Source: s})
	return nil
}
