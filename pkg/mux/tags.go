package mux

import (
	"fmt"

	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/plan"
)

// tags restores what the tracks' own files don't keep, and drops what only tells of the
// source's container.
func tags(p *plan.Plan, container string, f Files) []string {
	args := streamTags(container, "v", 0, p.Source.Video.Stream)
	if tc := p.Source.Video.Timecode; tc != "" && holdsTimecode(container) {
		args = append(args, "-metadata:s:v:0", "timecode="+tc) // of which ffmpeg makes a track
	}
	for i := range f.Audio {
		args = append(args, streamTags(container, "a", i, p.Audio[i].Stream)...)
	}
	if f.Extra != "" {
		for i, s := range p.Source.Subs {
			args = append(args, streamTags(container, "s", i, s)...)
		}
	}
	for _, t := range []string{"major_brand", "minor_version", "compatible_brands", "encoder"} {
		args = append(args, "-metadata", t+"=")
	}
	return args
}

func streamTags(container, kind string, i int, s media.Stream) []string {
	at := fmt.Sprintf("%s:%d", kind, i)
	var args []string
	add := func(name, value string) {
		if value != "" {
			args = append(args, "-metadata:s:"+at, name+"="+value)
		}
	}
	add("language", languageIn(container, s.Language))
	add("title", s.Title)
	if container != "mkv" {
		add("handler_name", s.Title) // the place where players look in MP4, and all that ffmpeg writes there
	}
	disposition := "0"
	if s.Default {
		disposition = "default"
	}
	return append(args, "-disposition:"+at, disposition)
}

// quickTime are the names under which ffmpeg's table of QuickTime's own language codes
// has some languages, by their ISO 639-2/T names; where it has none the tag is lost.
var quickTime = map[string]string{
	"bod": "tib", "deu": "ger", "ell": "gre", "hye": "arm", "isl": "ice", "kat": "geo", "mkd": "mac",
	"msa": "may", "mya": "bur", "nld": "dut", "sqi": "alb", "swe": "sve", "zho": "chi",
	"cze": "ces", "fre": "fra", "rum": "ron", "slo": "slk",
}

// languageIn returns the name that a container's muxer has for a language.
func languageIn(container, language string) string {
	if name, ok := quickTime[language]; ok && container == "mov" {
		return name
	}
	return language
}
