package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/cmd/reweave/internal/deliverable"
	"github.com/reweave/reweave/cmd/reweave/internal/progress"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
)

func (a *app) get(ctx context.Context, cl *client.Client, id, output string, force bool) error {
	if output == "" {
		return fault.Userf("usage", "get", "there is no OUTPUT", "name it: -o OUTPUT")
	}
	target, err := deliverable.Check(output, force, nil)
	if err != nil {
		return err
	}
	j, err := cl.Job(ctx, id)
	if err != nil {
		return err
	}
	if !j.State.Final() {
		return fault.Userf("job-not-done", "job "+j.ID, "it is still "+string(j.State), "wait for it: reweave watch "+j.ID)
	}
	if err := outcome(j); err != nil {
		return err
	}
	if target.Container != j.Spec.Container {
		return fault.Userf("other-container", output, fmt.Sprintf("the deliverable is %s, not %s", j.Spec.Container, target.Container),
			"end OUTPUT in ."+j.Spec.Container)
	}
	if err := target.Sweep(); err != nil {
		return err
	}
	show := a.reporter(false, false)
	defer show.Close()
	if err := fetch(ctx, cl, j, target, show); err != nil {
		return err
	}
	show.Close()
	return a.printf("%s: %d frames, %s\n", target.Path, j.Frames, progress.FormatBytes(size(j)))
}

func (a *app) workersCommand() *cobra.Command {
	var url string
	var asJSON bool
	c := &cobra.Command{
		Use:   "workers",
		Short: "List the encoders of a server, and what each does",
		Args:  takes(),
		RunE: a.does(func(ctx context.Context, _ *cobra.Command, _ []string) error {
			workers, err := a.client(url).Workers(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(workers)
			}
			lines := []string{"ID\tHOST\tBUSY\tFFMPEG\tTASKS"}
			for _, w := range workers {
				lines = append(lines, fmt.Sprintf("%s\t%s\t%d/%d\t%s\t%s", w.ID, printable(w.Host), w.Busy, w.Slots, printable(w.FFmpeg), strings.Join(w.Tasks, ", ")))
			}
			return a.columns(lines)
		}),
	}
	a.serverFlag(c, &url)
	c.Flags().BoolVar(&asJSON, "json", false, "print an array of JSON objects")
	return c
}
