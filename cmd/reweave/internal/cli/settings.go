package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

// settings are the flags that say how to encode, the same for encode and submit.
type settings struct {
	spec               job.Spec
	crf, qp            int
	chunkMin, chunkMax seconds
}

func (s *settings) register(c *cobra.Command) {
	f := c.Flags()
	v := &s.spec.Video
	f.StringVar(&v.Codec, "codec", "", "video encoder: libx264, libx265, libsvtav1 or librav1e (default libx264)")
	f.StringVar(&v.Preset, "preset", "", "the encoder's own preset (default: medium, for SVT-AV1 8, for rav1e 6)")
	f.IntVar(&s.crf, "crf", 0, "constant rate factor (default: the encoder's)")
	f.IntVar(&s.qp, "qp", 0, "constant quantizer; excludes --crf")
	f.IntVar(&v.Keyint, "keyint", 0, "longest distance between keyframes, in frames (default 250)")
	f.IntVar(&v.MinKeyint, "min-keyint", 0, "shortest distance between keyframes, in frames (default: the encoder's)")
	f.StringVar(&v.PixFmt, "pix-fmt", "", "pixel format, such as yuv420p10le (default: the source's)")
	f.Var(&s.chunkMin, "chunk-min", "shortest chunk, in seconds or as 1m30s (default 2)")
	f.Var(&s.chunkMax, "chunk-max", "longest chunk, where the source has a keyframe to cut at (default 6)")
	f.StringVar(&s.spec.Audio, "audio", "", "audio tracks: copy, aac, libopus or none (default copy; none for ivf)")
	f.StringVar(&s.spec.Subtitles, "subtitles", "", "subtitle tracks: copy or none (default copy; none for ivf)")
	complete(c, map[string][]string{
		"codec":     {"libx264", "libx265", "libsvtav1", "librav1e"},
		"audio":     {"copy", "aac", "libopus", "none"},
		"subtitles": {"copy", "none"},
	})
}

// complete names the values of flags to the shell's completion.
func complete(c *cobra.Command, values map[string][]string) {
	for flag, list := range values {
		if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic("cli: complete a flag that doesn't exist: " + err.Error())
		}
	}
}

// wanted returns the Spec that the flags ask for, still without a source.
func (s *settings) wanted(f *pflag.FlagSet) job.Spec {
	spec := s.spec
	if f.Changed("crf") {
		spec.Video.CRF = &s.crf
	}
	if f.Changed("qp") {
		spec.Video.QP = &s.qp
	}
	spec.ChunkMin, spec.ChunkMax = float64(s.chunkMin), float64(s.chunkMax)
	return spec
}

// check finds what can't work in a Spec, whatever the source holds, and names it by its
// flag. available are the encoders and their presets, nil while nobody knows them.
func check(spec job.Spec, available map[string][]string, flagOf func(field string) string) error {
	spec.Source = "/" // what it is was checked before
	err := spec.WithDefaults().Validate(available, job.LocalPath, job.Stdin)
	if err == nil {
		return nil
	}
	if issues, ok := errors.AsType[job.Issues](err); ok {
		named := make(job.Issues, len(issues))
		for i, is := range issues {
			is.Field = flagOf(is.Field)
			named[i] = is
		}
		return &fault.Error{Class: fault.User, Type: "invalid-spec", Title: fmt.Sprintf("%d settings can't work", len(issues)), Err: named}
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		named := *e
		named.Where = flagOf(e.Where)
		return &named
	}
	return err
}

// flagOf returns the flag that sets a field of a Spec, such as --min-keyint for
// video.min_keyint.
func flagOf(field string) string {
	if field == "webhook.secret" {
		return "REWEAVE_WEBHOOK_SECRET"
	}
	field = strings.TrimSuffix(field, ".url")
	return "--" + strings.ReplaceAll(strings.TrimPrefix(field, "video."), "_", "-")
}

// seconds is a flag for a length of film: "2.5", "2500ms" or "1m30s".
type seconds float64

func (s *seconds) Set(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		d, derr := time.ParseDuration(text)
		if derr != nil {
			return errors.New("want seconds, such as 2.5, or a duration, such as 1m30s")
		}
		v = d.Seconds()
	}
	if !(v > 0) { // also not a number
		return errors.New("want more than 0 seconds")
	}
	*s = seconds(v)
	return nil
}

func (s *seconds) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(*s), 'g', -1, 64)
}

func (s *seconds) Type() string { return "duration" }
