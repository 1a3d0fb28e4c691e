package timeline

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// aside reports whether an element is no part of a clip's own picture: sound and notes,
// and what is connected to it, which has layers of its own.
func (f *fcpxml) aside(e *element) bool {
	if slices.Contains(silent, e.name) {
		return true
	}
	lane, _ := strconv.Atoi(e.attrs["lane"])
	return lane != 0
}

// look writes out those parts of a clip or a transition that its own picture is made of,
// with the named attributes of it; "" where there are none. Styles of text are numbered
// anew, since each export does.
func (f *fcpxml) look(e *element, of func(*element) bool, attrs ...string) string {
	shell := &element{name: e.name, attrs: map[string]string{}}
	for _, k := range attrs {
		if v, ok := e.attrs[k]; ok {
			shell.attrs[k] = v
		}
	}
	styles := map[string]string{}
	for _, k := range e.kids {
		if f.aside(k) || !of(k) {
			continue
		}
		shell.kids = append(shell.kids, k)
		for _, d := range append(k.all("text-style-def"), k) {
			if id := d.attrs["id"]; d.name == "text-style-def" && id != "" {
				styles[id] = fmt.Sprintf("style %d", len(styles))
			}
		}
	}
	if len(shell.kids)+len(shell.attrs) == 0 {
		return ""
	}
	var b strings.Builder
	shell.write(&b, func(id string) string {
		if s, ok := styles[id]; ok {
			return s
		}
		return f.resolve(id)
	})
	return b.String()
}

// visible reports whether a clip has a picture that is shown.
func (f *fcpxml) visible(e *element) bool {
	if e.name == "gap" || e.name == "audio" || e.attrs["enabled"] == "0" || e.attrs["srcEnable"] == "audio" {
		return false
	}
	r := f.resources[e.attrs["ref"]]
	return r == nil || r.name != "asset" || r.attrs["hasVideo"] == "1" || r.attrs["hasAudio"] != "1"
}

// resolve writes out what a resource is, so that it is known in another file in which it
// has another id.
func (f *fcpxml) resolve(id string) string {
	r := f.resources[id]
	if r == nil || slices.Contains(f.within, id) {
		return id
	}
	if known, ok := f.resolved[id]; ok {
		return known
	}
	f.within = append(f.within, id)
	defer func() { f.within = f.within[:len(f.within)-1] }()
	var b strings.Builder
	if r.name != "asset" {
		r.write(&b, f.resolve)
		f.resolved[id] = fmt.Sprintf("%x", sha256.Sum256([]byte(b.String())))
		return f.resolved[id]
	}
	src := r.attrs["src"] // to 1.9; then the representation has it
	for _, m := range r.all("media-rep") {
		if src == "" || m.attrs["kind"] == "original-media" {
			src = m.attrs["src"]
		}
	}
	if src == "" {
		src = r.attrs["name"]
	}
	return "asset " + src + " " + r.attrs["uid"] + " " + r.attrs["start"]
}

// transition adds a transition that begins at a time of the record, behind event number
// before, -1 for black.
func (f *fcpxml) transition(e *element, in *moment, layer, before int) error {
	long, err := f.time(e, "duration", nil)
	if err != nil {
		return err
	}
	from, rest := f.frame(in)
	to, rest2 := f.frame(in.plus(long))
	if rest+rest2 != "" || to < from {
		return bad(f.Name, e.line, "the transition doesn't begin or end with a frame of the timeline", "let the editor conform it to frames, and export the project again")
	}
	t := Transition{Line: e.line, Track: layer, In: from, Out: to, Kind: f.look(e, func(*element) bool { return true }, "name")}
	if before >= 0 {
		b := f.Events[before]
		t.From = b.content().after(from - b.In)
	}
	f.Transitions = append(f.Transitions, t)
	return nil
}
