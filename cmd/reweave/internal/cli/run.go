// Package cli is the command line of Reweave: it reads flags, checks what a user
// gave before any work begins, has the work done by a server or by a node in this
// process, and tells what became of it in lines, in bars, or in JSON.
//
// Whatever goes wrong is told in one line, "reweave: where: what (what to do)", and
// by the exit code: 1 when the job failed, 2 when the mistake is the user's, 130
// when the run was interrupted.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/cmd/reweave/internal/progress"
	"github.com/reweave/reweave/pkg/fault"
)

// app is one run of the program.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	// server is the URL that the environment names, "" for none.
	server string
	// token is what servers are shown, "" for none; tokenFile names a file with it.
	token, tokenFile string
	// hookSecret signs the events that webhooks are sent.
	hookSecret string
	// parsed is set once the flags were understood: errors before that are about the
	// command line itself.
	parsed bool
	// failed is called with an error that ends the run, by commands that print JSON.
	failed func(error)
}

// Run runs one command line, without the program's name, and returns the exit code.
// When ctx ends the run is interrupted.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, server: take("REWEAVE_SERVER"), token: take("REWEAVE_TOKEN"), tokenFile: take("REWEAVE_TOKEN_FILE"), hookSecret: take("REWEAVE_WEBHOOK_SECRET")}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if !a.parsed {
		err = usage(err)
	}
	err = orInterrupted(ctx, err)
	if a.failed == nil && wantsJSON(args) {
		a.failed = func(err error) { _ = failedResult(err).print(stdout) }
	}
	if a.failed != nil {
		a.failed(err)
	}
	_, _ = fmt.Fprintln(stderr, "reweave: "+line(err))
	return exitCode(err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "reweave",
		Short: "Encode video in chunks, on one machine or many, and never the same chunk twice",
		Long: `Reweave encodes a video by groups of pictures, keeps every encoded chunk under the
hash of what it was made from, and so never encodes the same thing twice.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(c, args[0])
			}
			return c.Help()
		},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.CompletionOptions.HiddenDefaultCmd = false
	root.PersistentFlags().StringVar(&a.tokenFile, "token-file", a.tokenFile, "file with the token that a server asks for (also REWEAVE_TOKEN_FILE, or REWEAVE_TOKEN with the token itself)")
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Lookup("server") == nil { // it asks no server
			return nil
		}
		return a.readToken()
	}
	root.AddCommand(
		a.encodeCommand(), a.patchCommand(), a.diffCommand(), a.verifyCommand(), a.serveCommand(), a.submitCommand(),
		a.listCommand(), a.showCommand(), a.watchCommand(), a.cancelCommand(), a.retryCommand(), a.getCommand(),
		a.workersCommand(), a.cacheCommand(), a.versionCommand(), a.s3Command(), a.healthcheckCommand(), a.configCommand(),
		a.tokenCommand(), a.keysCommand(),
	)
	return root
}

func unknownCommand(c *cobra.Command, name string) error {
	hint := "see: reweave --help"
	if near := c.SuggestionsFor(name); len(near) > 0 {
		hint = "did you mean " + near[0] + "?"
	}
	return fault.Userf("usage", "", fmt.Sprintf("there is no command %q", name), hint)
}

// does wraps what a command does: from here on an error is about the work, and not
// about the command line.
func (a *app) does(run func(ctx context.Context, c *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		a.parsed = true
		return run(c.Context(), c, args)
	}
}

// takes checks the number of arguments, by the names of those that are wanted.
func takes(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fault.Userf("usage", c.Name(), "there is no "+names[len(args)], "usage: "+c.UseLine())
		case len(args) > len(names):
			return fault.Userf("usage", c.Name(), fmt.Sprintf("one argument too many: %q", args[len(names)]), "usage: "+c.UseLine())
		}
		return nil
	}
}

// reporter returns what shows progress; plain asks for lines where bars could be,
// since others write to the terminal too.
func (a *app) reporter(quiet, plain bool) progress.Reporter {
	switch {
	case quiet:
		return progress.Quiet()
	case plain:
		return progress.NewPlain(a.stderr, time.Now)
	}
	return progress.New(a.stderr)
}

func (a *app) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(a.stdout, format, args...)
	if err != nil {
		return fmt.Errorf("write to stdout: %w", err)
	}
	return nil
}

// take takes a variable of the command line out of the environment: to the services that
// may run in this process it is no setting of theirs, and so a typo, and no child of this
// process needs it.
func take(name string) string {
	value := os.Getenv(name)
	_ = os.Unsetenv(name) // it fails for malformed names only
	return value
}
