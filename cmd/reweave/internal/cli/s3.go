package cli

import (
	"cmp"
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/fault"
)

func (a *app) s3Command() *cobra.Command {
	var listen, data, cert, key string
	c := &cobra.Command{
		Use:    "s3",
		Short:  "Run the S3 server alone, with the keys in REWEAVE_S3_ACCESS_KEY and REWEAVE_S3_SECRET_KEY",
		Hidden: true,
		Args:   takes(),
		RunE: a.does(func(ctx context.Context, _ *cobra.Command, _ []string) error {
			return a.serveS3(ctx, listen, data, cert, key)
		}),
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:9000", "address of the S3 server")
	c.Flags().StringVar(&data, "data", "", "directory for the objects")
	c.Flags().StringVar(&cert, "tls-cert", "", "PEM file with the certificate, to speak TLS")
	c.Flags().StringVar(&key, "tls-key", "", "PEM file with the certificate's key")
	c.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	return c
}

func (a *app) serveS3(ctx context.Context, listen, data, cert, key string) error {
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
	users, err := s3Users()
	if err != nil {
		return err
	}
	return embed.ServeS3(ctx, embed.S3Options{
		Addr: listen, Dir: data, AccessKey: access, SecretKey: secret,
		Users: users, Bucket: cmp.Or(os.Getenv("REWEAVE_S3_BUCKET"), "reweave"), Cert: cert, Key: key,
		Ready: func() { _ = a.printf("the S3 server listens on %s\n", listen) },
	})
}

// s3Users are the keys of the services, as far as the environment has them.
func s3Users() ([]embed.User, error) {
	var users []embed.User
	for _, service := range []string{"api", "splitter", "encoder", "muxer"} {
		name := "REWEAVE_S3_" + strings.ToUpper(service)
		u := embed.User{Service: service, AccessKey: os.Getenv(name + "_ACCESS_KEY"), SecretKey: os.Getenv(name + "_SECRET_KEY")}
		if (u.AccessKey == "") != (u.SecretKey == "") {
			return nil, fault.Userf("invalid-setting", "environment", "a service has half a key", "set both, "+name+"_ACCESS_KEY and "+name+"_SECRET_KEY, or neither")
		}
		if u.AccessKey != "" {
			users = append(users, u)
		}
	}
	return users, nil
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
