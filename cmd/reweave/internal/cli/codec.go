package cli

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/job"
)

var encoderLine = regexp.MustCompile(`(?m)^ [VA]\S{5} +(\S+)`)

// listEncoders returns those of [ffmpeg.Names] that this machine's ffmpeg says it has.
func listEncoders(ctx context.Context) ([]string, error) {
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, fault.Userf("no-ffmpeg", "PATH", "ffmpeg was not found", "install it, for example with: apt-get install ffmpeg")
	}
	out, err := exec.CommandContext(ctx, path, "-hide_banner", "-encoders").Output()
	if err != nil {
		return nil, fmt.Errorf("ask ffmpeg for its encoders: %w", err)
	}
	return parseEncoders(string(out)), nil
}

func parseEncoders(list string) []string {
	var have []string
	for _, m := range encoderLine.FindAllStringSubmatch(list, -1) {
		if slices.Contains(ffmpeg.Names, m[1]) {
			have = append(have, m[1])
		}
	}
	return have
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
