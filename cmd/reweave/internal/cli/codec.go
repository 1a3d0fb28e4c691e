package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/job"
)

// listEncoders returns those of [ffmpeg.Names] that this machine's ffmpeg says it has.
func listEncoders(ctx context.Context) ([]string, error) {
	tool, err := ffmpeg.Find(ctx)
	if err != nil {
		return nil, err
	}
	return tool.Listed(), nil
}

// haveCodec refuses a Spec that this machine's ffmpeg can't encode, and names what it
// can. That an encoder is listed does not say that it works: a worker tries it.
func haveCodec(ctx context.Context, spec job.Spec) error {
	have, err := listEncoders(ctx)
	if err != nil {
		return err
	}
	isAudio := func(name string) bool { return name == "aac" || name == "libopus" }
	if !slices.Contains(have, spec.Video.Codec) {
		video := slices.DeleteFunc(slices.Clone(have), isAudio)
		return lacks("unsupported-codec", "--codec", spec.Video.Codec, video)
	}
	if isAudio(spec.Audio) && !slices.Contains(have, spec.Audio) {
		return lacks("unsupported-audio", "--audio", spec.Audio, []string{"copy", "none"})
	}
	return nil
}

func lacks(slug, flag, name string, have []string) error {
	hint := "use " + strings.Join(have, ", ")
	if len(have) == 0 {
		hint = "install a full build of ffmpeg"
	}
	return fault.Userf(slug, flag, "this ffmpeg has no "+name, hint)
}
