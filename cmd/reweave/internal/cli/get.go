package cli

import (
	"context"
	"fmt"

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
	if err := fetch(ctx, cl, j, target, show, nil); err != nil {
		return err
	}
	show.Close()
	return a.printf("%s: %d frames, %s\n", target.Path, j.Frames, progress.FormatBytes(size(j)))
}
