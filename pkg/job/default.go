package job

import (
	"net/url"
	"path"
	"strings"
)

// codec is what is fixed about a video encoder, whatever build of it there is.
type codec struct {
	preset string // used when none is asked for
	// crf and qp are used when neither is asked for; below 0 when the other one is.
	crf, qp int
	// maxCRF and maxQP bound what may be asked for, from 0; below 0 when the encoder
	// lacks the setting.
	maxCRF, maxQP int
	av1           bool
	// halfKeyint says that the encoder cuts min-keyint down to keyint/2+1 by itself
	// (x264's and x265's validate_parameters), which would not be what was asked for.
	halfKeyint bool
}

var codecs = map[string]codec{
	"libx264":   {preset: "medium", crf: 23, qp: -1, maxCRF: 51, maxQP: 51, halfKeyint: true},
	"libx265":   {preset: "medium", crf: 28, qp: -1, maxCRF: 51, maxQP: 51, halfKeyint: true},
	"libsvtav1": {preset: "8", crf: 35, qp: -1, maxCRF: 63, maxQP: 63, av1: true},
	"librav1e":  {preset: "6", crf: -1, qp: 100, maxCRF: -1, maxQP: 255, av1: true},
}

var codecNames = []string{"libx264", "libx265", "libsvtav1", "librav1e"}

// WithDefaults returns s with everything filled in that was left out. It changes
// nothing that was given, wrong or right, and is idempotent.
//
// A deliverable in ivf has room for video alone, so audio and subtitles default to
// none there and to copy everywhere else.
func (s Spec) WithDefaults() Spec {
	tracks := "copy"
	s.Container = or(s.Container, "mp4")
	if s.Container == "ivf" {
		tracks = "none"
	}
	s.Audio, s.Subtitles = or(s.Audio, tracks), or(s.Subtitles, tracks)
	s.Class = or(s.Class, Normal)
	s.Name = or(s.Name, nameOf(s.Source))
	if s.ChunkMin == 0 {
		s.ChunkMin = 2
		if s.ChunkMax > 0 {
			s.ChunkMin = min(s.ChunkMin, s.ChunkMax)
		}
	}
	if s.ChunkMax == 0 {
		s.ChunkMax = max(6, s.ChunkMin)
	}
	return s.withVideoDefaults()
}

func (s Spec) withVideoDefaults() Spec {
	s.Video.Codec = or(s.Video.Codec, "libx264")
	if s.Video.Keyint == 0 {
		s.Video.Keyint = max(250, s.Video.MinKeyint)
	}
	c, known := codecs[s.Video.Codec]
	if !known {
		return s
	}
	s.Video.Preset = or(s.Video.Preset, c.preset)
	if s.Video.CRF == nil && s.Video.QP == nil {
		if c.crf >= 0 {
			s.Video.CRF = &c.crf
		} else {
			s.Video.QP = &c.qp
		}
	}
	return s
}

// nameOf returns the file name in a source, or "" where it tells none.
func nameOf(source string) string {
	switch KindOf(source) {
	case Upload, Unknown:
		return ""
	case LocalPath:
		return path.Base(strings.ReplaceAll(source, `\`, "/"))
	}
	u, err := url.Parse(source)
	if err != nil || strings.Trim(u.Path, "/") == "" {
		return ""
	}
	return path.Base(u.Path)
}

func or[T ~string](v, otherwise T) T {
	if v == "" {
		return otherwise
	}
	return v
}
