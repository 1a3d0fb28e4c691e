package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/job"
)

// haveCodec refuses a Spec whose codecs or preset this machine's ffmpeg doesn't have, and
// names what it has.
func haveCodec(ctx context.Context, spec job.Spec) error {
	tool, err := ffmpeg.Find(ctx)
	if err != nil {
		return err
	}
	want := []string{spec.Video.Codec}
	if isAudio(spec.Audio) {
		want = append(want, spec.Audio)
	}
	works, err := tool.Encoders(ctx, want)
	if err != nil {
		return err
	}
	if len(works) == len(want) {
		presets := map[string][]string{}
		for name, e := range works {
			presets[name] = e.Presets
		}
		return check(spec, presets, encodeFlagOf)
	}
	if _, ok := works[spec.Video.Codec]; ok {
		return lacks("unsupported-audio", "--audio", spec.Audio, []string{"copy", "none"})
	}
	have, err := tool.Listed(ctx)
	if err != nil {
		return err
	}
	video := slices.DeleteFunc(have, func(name string) bool { return isAudio(name) || name == spec.Video.Codec })
	return lacks("unsupported-codec", "--codec", spec.Video.Codec, video)
}

func isAudio(name string) bool { return name == "aac" || name == "libopus" }

func lacks(slug, flag, name string, have []string) error {
	hint := "use " + strings.Join(have, ", ")
	if len(have) == 0 {
		hint = "install a full build of ffmpeg"
	}
	return fault.Userf(slug, flag, "this ffmpeg has no "+name, hint)
}
