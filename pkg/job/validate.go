package job

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/recipe"
)

// Issue is one thing about a Spec that can't work.
type Issue struct {
	// Slug is the problem type that the issue has when it is the only one.
	Slug string `json:"-"`
	// Field is the path of the setting in the Spec's JSON, such as "video.preset".
	Field string `json:"location"`
	// Title says what is wrong, Hint what to do.
	Title string `json:"message"`
	Hint  string `json:"hint,omitempty"`
}

// Issues are all that is wrong with a Spec, in the order of its fields.
type Issues []Issue

// Error returns the issues in one line.
func (is Issues) Error() string {
	lines := make([]string, len(is))
	for i, it := range is {
		lines[i] = it.Field + ": " + it.Title
		if it.Hint != "" {
			lines[i] += " (" + it.Hint + ")"
		}
	}
	return strings.Join(lines, "; ")
}

// fault returns nil, the single issue as a problem of its own type, or all of them
// as one problem of type "invalid-spec" that wraps the list.
func (is Issues) fault() error {
	switch len(is) {
	case 0:
		return nil
	case 1:
		return fault.Userf(is[0].Slug, is[0].Field, is[0].Title, is[0].Hint)
	}
	return &fault.Error{
		Class: fault.User, Type: "invalid-spec",
		Title: fmt.Sprintf("%d settings can't work", len(is)), Hint: "mend all of them", Err: is,
	}
}

func (is *Issues) add(slug, field, title, hint string) {
	*is = append(*is, Issue{Slug: slug, Field: field, Title: title, Hint: hint})
}

// Validate checks a Spec whose defaults are filled in ([Spec.WithDefaults]) before
// any work begins. It reports everything that is wrong at once, as one
// [fault.Error] of class User: with one issue its slug and field are the error's;
// with several the error wraps [Issues].
//
// available maps the encoders that some worker has, video and audio, to their
// presets. When it is empty no worker was ever seen, and what they have is not
// checked. A codec with an empty list of presets takes any.
//
// Sources may be uploads, S3 objects and https URLs, and what also names.
func (s Spec) Validate(available map[string][]string, also ...SourceKind) error {
	var is Issues
	s.checkSource(&is, also)
	s.checkEdits(&is, also)
	s.checkSame(&is)
	s.checkKeep(&is)
	s.checkSound(&is, also)
	s.checkContainer(&is)
	checkCodec(&is, s.Video, available)
	checkQuality(&is, s.Video)
	checkKeyframes(&is, s.Video)
	s.checkTracks(&is, available)
	s.checkChunks(&is)
	s.checkWebhook(&is)
	if !slices.Contains(Classes, s.Class) {
		is.add("invalid-class", "class", fmt.Sprintf("there is no class %q", s.Class), "use high, normal or low")
	}
	return is.fault()
}

var containers = []string{"mp4", "mov", "mkv", "ivf"}

func (s Spec) checkContainer(is *Issues) {
	if !slices.Contains(containers, s.Container) {
		is.add("unsupported-container", "container", fmt.Sprintf("there is no container %q", s.Container),
			"use "+strings.Join(containers, ", "))
		return
	}
	if c, known := codecs[s.Video.Codec]; s.Container == "ivf" && known && !c.av1 {
		is.add("unsupported-container", "container", "ivf holds AV1 only, not what "+s.Video.Codec+" makes",
			"use libsvtav1 or librav1e, or another container")
	}
}

var (
	presetForm = regexp.MustCompile(`^[a-z0-9-]+$`)
	pixFmtForm = regexp.MustCompile(`^[a-z0-9]*$`)
)

func checkCodec(is *Issues, v recipe.Settings, available map[string][]string) {
	if !pixFmtForm.MatchString(v.PixFmt) {
		is.add("unsupported-pix-fmt", "video.pix_fmt", fmt.Sprintf("%q is no pixel format", v.PixFmt),
			"use a name of ffmpeg's, such as yuv420p10le, or leave it out")
	}
	if _, known := codecs[v.Codec]; !known {
		is.add("unsupported-codec", "video.codec", fmt.Sprintf("there is no codec %q", v.Codec),
			"use "+strings.Join(codecNames, ", "))
		return
	}
	presets, has := available[v.Codec]
	switch {
	case len(available) > 0 && !has:
		is.add("unsupported-codec", "video.codec", "no worker's ffmpeg has "+v.Codec,
			"use "+listOr(videoOnly(available), "an ffmpeg that has it"))
	case !presetForm.MatchString(v.Preset), len(presets) > 0 && !slices.Contains(presets, v.Preset):
		is.add("unsupported-preset", "video.preset", fmt.Sprintf("%s has no preset %q", v.Codec, v.Preset),
			"use "+listOr(presets, codecs[v.Codec].preset))
	}
}

func checkQuality(is *Issues, v recipe.Settings) {
	c, known := codecs[v.Codec]
	if !known {
		return
	}
	if v.CRF != nil && v.QP != nil {
		is.add("invalid-quality", "video.crf", "crf and qp exclude each other", "give one of them")
		return
	}
	if v.CRF != nil {
		checkRange(is, v.Codec, "crf", *v.CRF, c.maxCRF)
	}
	if v.QP != nil {
		checkRange(is, v.Codec, "qp", *v.QP, c.maxQP)
	}
}

// checkRange checks a quality; a limit below 0 says that the codec lacks it.
func checkRange(is *Issues, codec, name string, value, limit int) {
	switch {
	case limit < 0:
		is.add("invalid-quality", "video."+name, codec+" has no "+name, "use qp")
	case value < 0 || value > limit:
		is.add("invalid-quality", "video."+name, fmt.Sprintf("%s %d is out of range for %s", name, value, codec),
			fmt.Sprintf("use 0 to %d", limit))
	}
}

func checkKeyframes(is *Issues, v recipe.Settings) {
	half := v.Keyint/2 + 1
	switch {
	case v.Keyint < 0 || v.MinKeyint < 0:
		is.add("invalid-keyint", "video.keyint", "a distance between keyframes can't be negative", "use 0 for the default")
	case v.MinKeyint > v.Keyint:
		is.add("invalid-keyint", "video.min_keyint",
			fmt.Sprintf("min_keyint %d is more than keyint %d", v.MinKeyint, v.Keyint), "lower it, or raise keyint")
	case codecs[v.Codec].halfKeyint && v.MinKeyint > half:
		is.add("invalid-keyint", "video.min_keyint",
			fmt.Sprintf("%s takes a min_keyint of at most keyint/2+1, which is %d, not %d", v.Codec, half, v.MinKeyint),
			"lower it, or raise keyint")
	}
}

var audioModes, subtitleModes = []string{"copy", "aac", "libopus", "none"}, []string{"copy", "none"}

func (s Spec) checkTracks(is *Issues, available map[string][]string) {
	_, has := available[s.Audio]
	encodes := s.Audio != "copy" && s.Audio != "none"
	switch {
	case !slices.Contains(audioModes, s.Audio):
		is.add("unsupported-audio", "audio", fmt.Sprintf("there is no way %q to treat audio", s.Audio),
			"use "+strings.Join(audioModes, ", "))
	case s.Container == "ivf" && s.Audio != "none":
		is.add("unsupported-audio", "audio", "ivf holds no audio", "say audio: none, or use another container")
	case s.Container == "mov" && s.Audio == "libopus":
		is.add("unsupported-audio", "audio", "mov holds no Opus", "use aac, or mp4 or mkv as the container")
	case encodes && len(available) > 0 && !has:
		is.add("unsupported-audio", "audio", "no worker's ffmpeg has "+s.Audio, "use copy or none, or an ffmpeg that has it")
	}
	switch {
	case !slices.Contains(subtitleModes, s.Subtitles):
		is.add("unsupported-subtitles", "subtitles", fmt.Sprintf("there is no way %q to treat subtitles", s.Subtitles), "use copy or none")
	case s.Container == "ivf" && s.Subtitles != "none":
		is.add("unsupported-subtitles", "subtitles", "ivf holds no subtitles", "say subtitles: none, or use another container")
	}
}

// shortestChunk is in seconds: below it, headers and keyframes outweigh the film.
const shortestChunk = 0.1

func (s Spec) checkChunks(is *Issues) {
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	switch {
	case !finite(s.ChunkMin) || s.ChunkMin < shortestChunk:
		is.add("invalid-chunk-length", "chunk_min", fmt.Sprintf("chunks can't be as short as %g s", s.ChunkMin), "use 0.1 s or more")
	case !finite(s.ChunkMax) || s.ChunkMax < s.ChunkMin:
		is.add("invalid-chunk-length", "chunk_max",
			fmt.Sprintf("chunk_max %g s is less than chunk_min %g s", s.ChunkMax, s.ChunkMin), "raise it, or lower chunk_min")
	}
}

// videoOnly returns which of the available encoders a job may ask for as its codec.
func videoOnly(available map[string][]string) []string {
	names := slices.Sorted(maps.Keys(available))
	return slices.DeleteFunc(names, func(n string) bool { _, known := codecs[n]; return !known })
}

func listOr(names []string, otherwise string) string {
	if len(names) == 0 {
		return otherwise
	}
	return strings.Join(names, ", ")
}
