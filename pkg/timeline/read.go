package timeline

import (
	"bytes"
	"path/filepath"
	"strings"
)

// Kind is what a list is written in.
type Kind string

// The kinds of lists. What is none of the others is taken for a table.
const (
	KindEDL    Kind = "edl"
	KindFCPXML Kind = "fcpxml"
	KindOTIO   Kind = "otio"
	KindTable  Kind = "csv"
)

// KindOf tells a list's kind by its name, else by how it begins.
func KindOf(name string, data []byte) Kind {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".edl":
		return KindEDL
	case ".fcpxml", ".fcpxmld":
		return KindFCPXML
	case ".otio":
		return KindOTIO
	case ".csv", ".tsv":
		return KindTable
	}
	begin := bytes.TrimSpace([]byte(utf8Of(data[:min(len(data), 4096)])))
	upper := strings.ToUpper(string(begin))
	switch {
	case strings.HasPrefix(upper, "<"):
		return KindFCPXML
	case strings.HasPrefix(upper, "{"):
		return KindOTIO
	case strings.HasPrefix(upper, "TITLE:"), strings.HasPrefix(upper, "FCM:"), edlEvent.MatchString(strings.TrimSpace(firstLine(upper))):
		return KindEDL
	}
	return KindTable
}

func firstLine(text string) string { line, _, _ := strings.Cut(text, "\n"); return line }

// Read reads a list of a timeline: an EDL, FCPXML or OpenTimelineIO.
func Read(name string, data []byte, o Options) (*Timeline, error) {
	switch KindOf(name, data) {
	case KindEDL:
		return EDL(name, data, o)
	case KindFCPXML:
		return FCPXML(name, data, o)
	case KindOTIO:
		return OTIO(name, data, o)
	}
	return nil, bad(name, 0, "it is no timeline", "give a CMX3600 list (.edl), FCPXML (.fcpxml) or OpenTimelineIO (.otio); lists of ranges are for --ranges")
}
