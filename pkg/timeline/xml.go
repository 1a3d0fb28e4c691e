package timeline

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
)

// element is an element of an XML file.
type element struct {
	name  string
	attrs map[string]string
	kids  []*element
	text  string
	line  int
}

// mostNested bounds how deep elements lie in each other.
const mostNested = 100

// parseXML reads the elements of a file. Entities of a document type are not known, so
// none can name another file.
func parseXML(name, text string) (*element, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 by now
	root := &element{}
	path := []*element{root}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(path) == 1 {
			return root, nil
		}
		line, _ := d.InputPos()
		if err != nil {
			return nil, bad(name, line, "it is no XML: "+err.Error(), "export the timeline again")
		}
		at := path[len(path)-1]
		switch token := token.(type) {
		case xml.StartElement:
			if len(path) > mostNested {
				return nil, bad(name, line, "its elements lie too deep in each other", "export the timeline again, without compound clips in compound clips")
			}
			e := &element{name: token.Name.Local, attrs: map[string]string{}, line: line}
			for _, a := range token.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			at.kids = append(at.kids, e)
			path = append(path, e)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			at.text += strings.TrimSpace(string(token))
		}
	}
}

// all returns the elements of a name below e, but not those below each other.
func (e *element) all(name string) (out []*element) {
	for _, k := range e.kids {
		if k.name == name {
			out = append(out, k)
		} else {
			out = append(out, k.all(name)...)
		}
	}
	return out
}

func (e *element) kid(name string) *element {
	for _, k := range e.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// write writes an element in a form that depends on its content alone, without what no
// picture comes from; ref resolves what refers to other elements.
func (e *element) write(b *strings.Builder, ref func(string) string) {
	b.WriteString("<" + e.name)
	for _, k := range slices.Sorted(maps.Keys(e.attrs)) {
		v := e.attrs[k]
		if k == "ref" || k == "format" {
			v = ref(v)
		}
		if k != "id" && k != "modDate" && !strings.HasPrefix(k, "audio") {
			b.WriteString(" " + k + "=" + v)
		}
	}
	b.WriteString(">" + e.text)
	for _, k := range e.kids {
		if !slices.Contains(silent, k.name) {
			k.write(b, ref)
		}
	}
	b.WriteString("</>")
}
