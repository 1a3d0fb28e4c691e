package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/cmd/reweave/internal/deliverable"
	"github.com/reweave/reweave/cmd/reweave/internal/progress"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/job"
)

// submitFlags are the flags of submit.
type submitFlags struct {
	settings
	server, class, key string
	webhook            string
	wait               bool
}

func (a *app) submitCommand() *cobra.Command {
	var o submitFlags
	c := &cobra.Command{
		Use:   "submit INPUT",
		Short: "Submit a job to a server and print its id",
		Long: `Submits a job to a server and prints its id. A local INPUT, or - for stdin, is uploaded.
With --wait it follows the job to its end. See also watch, get and cancel.`,
		Args: takes("INPUT"),
		RunE: a.does(func(ctx context.Context, c *cobra.Command, args []string) error {
			return a.submit(ctx, c, args[0], &o)
		}),
	}
	o.register(c)
	a.serverFlag(c, &o.server)
	f := c.Flags()
	f.StringVar(&o.spec.Container, "container", "", "container of the deliverable: mp4, mov, mkv or ivf (default mp4)")
	f.StringVar(&o.class, "class", "", "priority: high, normal or low (default normal)")
	f.StringVar(&o.key, "idempotency-key", "", "submitting again with the same key makes no second job")
	f.StringVar(&o.webhook, "webhook", "", "URL that is told of the job's end; REWEAVE_WEBHOOK_SECRET, where it is set, signs what is sent")
	f.BoolVar(&o.wait, "wait", false, "wait for the job's end, and show its progress")
	complete(c, map[string][]string{"container": deliverable.Containers, "class": {"high", "normal", "low"}})
	return c
}

func (a *app) submit(ctx context.Context, c *cobra.Command, arg string, o *submitFlags) error {
	in, err := openInput(arg, a.stdin)
	if err != nil {
		return err
	}
	defer in.close()
	spec := o.wanted(c.Flags())
	spec.Class, spec.Name = job.Class(o.class), in.name
	if o.webhook != "" {
		spec.Webhook = &job.Webhook{URL: o.webhook, Secret: job.Secret(a.hookSecret)}
	}
	if err := check(spec, nil, flagOf); err != nil {
		return err
	}
	show := a.reporter(false, false)
	defer show.Close()
	cl := a.client(o.server)
	if spec.Source, err = sourceFor(ctx, cl, in, false, show); err != nil {
		return err
	}
	j, err := submit(ctx, cl, spec, o.key)
	if err != nil {
		return err
	}
	if err := a.printf("%s\n", j.ID); err != nil || !o.wait {
		return err
	}
	_, err = watch(ctx, cl, j.ID, show)
	return err
}

func (a *app) watchCommand() *cobra.Command {
	var url string
	c := &cobra.Command{
		Use:   "watch ID",
		Short: "Follow a job to its end; exits with 1 when it fails",
		Args:  takes("ID"),
		RunE: a.does(func(ctx context.Context, _ *cobra.Command, args []string) error {
			show := a.reporter(false, false)
			defer show.Close()
			j, err := watch(ctx, a.client(url), args[0], show)
			show.Close()
			if err != nil {
				return err
			}
			return a.printf("%s is %s: %d frames, %s\n", j.ID, j.State, j.Frames, progress.FormatBytes(size(j)))
		}),
	}
	a.serverFlag(c, &url)
	return c
}

func size(j job.Job) int64 {
	if j.Output == nil {
		return 0
	}
	return j.Output.Bytes
}

// watch follows a job until it is done. To stop watching does nothing to the job.
func watch(ctx context.Context, cl *client.Client, id string, show progress.Reporter) (job.Job, error) {
	j, err := cl.Watch(ctx, id, show.Job, show.Progress)
	if ctx.Err() != nil {
		return j, errLeft
	}
	if err != nil {
		return j, err
	}
	return j, outcome(j)
}

func (a *app) getCommand() *cobra.Command {
	var url, output string
	var force bool
	c := &cobra.Command{
		Use:   "get ID -o OUTPUT",
		Short: "Fetch the deliverable of a job that is done",
		Args:  takes("ID"),
		RunE: a.does(func(ctx context.Context, _ *cobra.Command, args []string) error {
			return a.get(ctx, a.client(url), args[0], output, force)
		}),
	}
	a.serverFlag(c, &url)
	c.Flags().StringVarP(&output, "output", "o", "", "where to put the deliverable")
	c.Flags().BoolVarP(&force, "force", "y", false, "replace OUTPUT if it exists")
	return c
}
