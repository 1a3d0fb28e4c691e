package timeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// object is a JSON object, with the line on which it begins.
type object struct {
	fields map[string]any // string, float64, bool, nil, []any or *object
	line   int
}

// parseJSON reads one JSON object.
func parseJSON(name, text string) (*object, error) {
	d := json.NewDecoder(strings.NewReader(text))
	p := &jsonParser{Decoder: d, text: text, line: 1}
	v, err := p.value(0)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows its end")
		}
	}
	o, ok := v.(*object)
	if err == nil && !ok {
		err = errors.New("it is no object")
	}
	if err != nil {
		return nil, bad(name, p.at(), "it is no OpenTimelineIO: "+err.Error(), "export the timeline again")
	}
	return o, nil
}

type jsonParser struct {
	*json.Decoder
	text       string
	line, seen int // the line of byte number seen
}

// at returns the line that is being read.
func (p *jsonParser) at() int {
	now := min(int(p.InputOffset()), len(p.text))
	p.line += strings.Count(p.text[p.seen:now], "\n")
	p.seen = now
	return p.line
}

func (p *jsonParser) value(depth int) (any, error) {
	t, err := p.Token()
	if err != nil || depth > mostNested {
		if err == nil {
			err = errors.New("its parts lie too deep in each other")
		}
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		o := &object{fields: map[string]any{}, line: p.at()}
		for p.More() {
			k, err := p.Token()
			if err != nil {
				return nil, err
			}
			if o.fields[fmt.Sprint(k)], err = p.value(depth + 1); err != nil {
				return nil, err
			}
		}
		_, err = p.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for p.More() {
			v, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = p.Token()
		return list, err
	}
	return t, nil
}

// schema is an object's kind, without its version.
func (o *object) schema() string {
	kind, _, _ := strings.Cut(o.text("OTIO_SCHEMA"), ".")
	return kind
}

func (o *object) text(key string) string { s, _ := o.fields[key].(string); return s }

// object returns a field that is an object, else nil.
func (o *object) object(key string) *object { v, _ := o.fields[key].(*object); return v }

// list returns the objects of a list.
func (o *object) list(key string) (all []*object) {
	values, _ := o.fields[key].([]any)
	for _, v := range values {
		if k, ok := v.(*object); ok {
			all = append(all, k)
		}
	}
	return all
}

// plain returns what an object holds that pictures may come of, for encoding: all but
// notes, and what belongs to one program.
func plain(v any, without ...string) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	case *object:
		out := map[string]any{}
		for k, f := range v.fields {
			out[k] = plain(f)
		}
		for _, k := range append(without, "metadata", "markers", "color") {
			delete(out, k)
		}
		return out
	}
	return v
}
