package cli

import (
	"context"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/cmd/reweave/internal/node"
	"github.com/reweave/reweave/pkg/ffmpeg"
)

// Version is set when a release is built.
var Version = "0.1.0-dev"

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program and of ffmpeg, and the encoders there are",
		Args:  takes(),
		RunE:  a.does(func(ctx context.Context, _ *cobra.Command, _ []string) error { return a.version(ctx) }),
	}
}

func (a *app) version(ctx context.Context) error {
	if err := a.printf("reweave %s%s (%s, %s/%s)\n", Version, revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH); err != nil {
		return err
	}
	tool, err := ffmpeg.Find(ctx)
	if err != nil {
		return err
	}
	have, err := tool.Listed(ctx)
	if err != nil {
		return err
	}
	return a.printf("%s\nencoders: %s\n", tool.Version, strings.Join(have, ", "))
}

// revision tells the commit, where the build knows it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "+" + s.Value[:12]
		}
	}
	return ""
}

func (a *app) configCommand() *cobra.Command {
	var markdown bool
	c := &cobra.Command{
		Use:    "config",
		Short:  "Describe every variable of the environment",
		Hidden: true,
		Args:   takes(),
		RunE: a.does(func(context.Context, *cobra.Command, []string) error {
			return a.printf("%s", node.Markdown())
		}),
	}
	c.Flags().BoolVar(&markdown, "markdown", true, "as a page of Markdown, the only form there is")
	return c
}
