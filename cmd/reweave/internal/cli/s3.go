package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/fault"
)

func (a *app) s3Command() *cobra.Command {
	var listen, data string
	c := &cobra.Command{
		Use:    "s3",
		Short:  "Run the S3 server alone, with the keys in REWEAVE_S3_ACCESS_KEY and REWEAVE_S3_SECRET_KEY",
		Hidden: true,
		Args:   takes(),
		RunE: a.does(func(ctx context.Context, _ *cobra.Command, _ []string) error {
			return a.serveS3(ctx, listen, data)
		}),
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:9000", "address of the S3 server")
	c.Flags().StringVar(&data, "data", "", "directory for the objects")
	return c
}

func (a *app) serveS3(ctx context.Context, listen, data string) error {
	access, secret := os.Getenv("REWEAVE_S3_ACCESS_KEY"), os.Getenv("REWEAVE_S3_SECRET_KEY")
	if access == "" || secret == "" {
		return fault.Userf("invalid-setting", "environment", "the S3 server's keys are not set", "set REWEAVE_S3_ACCESS_KEY and REWEAVE_S3_SECRET_KEY")
	}
	if data == "" {
		return fault.Userf("usage", "s3", "there is no directory for the objects", "name one: --data DIR")
	}
	if err := checkAddress("--listen", listen); err != nil {
		return err
	}
	return embed.ServeS3(ctx, listen, data, access, secret)
}

// healthcheckCommand asks a server whether it is well: for containers, which have no
// other program to ask with.
func (a *app) healthcheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "healthcheck [URL]",
		Short:  "Ask a health address and end with 0 when it answers well",
		Hidden: true,
		Args:   cobra.MaximumNArgs(1),
		RunE: a.does(func(_ context.Context, _ *cobra.Command, args []string) error {
			url := "http://127.0.0.1:9090/readyz"
			if len(args) == 1 {
				url = args[0]
			}
			return boot.CheckURL(url)
		}),
	}
}
