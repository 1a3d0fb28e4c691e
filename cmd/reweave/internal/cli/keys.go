package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"

	"github.com/nats-io/nkeys"
	"github.com/spf13/cobra"

	"github.com/reweave/reweave/pkg/fault"
)

func (a *app) keysCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "Make keys (NKEYs) by which services and workers join NATS, and its certificate",
		Args:  takes(),
		RunE:  func(c *cobra.Command, _ []string) error { a.parsed = true; return c.Help() },
	}
	c.AddCommand(a.newKeyCommand(), a.showKeyCommand(), a.certificateCommand())
	return c
}

func (a *app) newKeyCommand() *cobra.Command {
	var worker string
	var replace bool
	c := &cobra.Command{
		Use:   "new [FILE] [--worker NAME]",
		Short: "Make a key: the seed goes to FILE, the public half is printed",
		Long: `Makes a key. FILE gets its seed, a secret, which REWEAVE_NATS_NKEY names; only you can
read it. The public half, which is no secret, is printed for the configuration of the NATS
server, with --worker as a whole line for deploy/nats/users.conf. Without FILE both halves
are printed, the seed first.`,
		Example: `  reweave keys new --worker west west.seed`,
		Args:    cobra.MaximumNArgs(1),
		RunE: a.does(func(_ context.Context, _ *cobra.Command, args []string) error {
			file := ""
			if len(args) == 1 {
				file = args[0]
			}
			return a.newKey(file, worker, replace)
		}),
	}
	c.Flags().StringVar(&worker, "worker", "", "print the line that lets a remote worker of this name in")
	c.Flags().BoolVar(&replace, "replace", false, "put the seed in the place of the one in FILE")
	return c
}

func (a *app) showKeyCommand() *cobra.Command {
	var worker string
	c := &cobra.Command{
		Use:   "show FILE [--worker NAME]",
		Short: "Print the public half of the key whose seed is in FILE",
		Args:  takes("FILE"),
		RunE: a.does(func(_ context.Context, _ *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return fault.Userf("bad-key", args[0], "the file can't be read: "+cause(err), "name a file with a seed")
			}
			defer clear(text)
			pair, err := nkeys.ParseDecoratedUserNKey(text)
			if err != nil {
				return fault.Userf("bad-key", args[0], "the file holds no seed of a user, which begins with SU", "make one: reweave keys new FILE")
			}
			defer pair.Wipe()
			return a.printPublic(pair, worker)
		}),
	}
	c.Flags().StringVar(&worker, "worker", "", "print the line that lets a remote worker of this name in")
	return c
}

func (a *app) newKey(file, worker string, replace bool) error {
	if err := checkWorker(worker); err != nil {
		return err
	}
	pair, err := nkeys.CreateUser()
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	defer pair.Wipe()
	seed, err := pair.Seed()
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	defer clear(seed)
	if file == "" {
		if err := a.printf("%s\n", seed); err != nil {
			return err
		}
		return a.printPublic(pair, worker)
	}
	if err := writeSeed(file, seed, replace); errors.Is(err, fs.ErrExist) {
		return fault.Userf("bad-key", file, "exists already", "choose another name, or add --replace: who has the old seed is shut out then")
	} else if err != nil {
		return fault.Userf("bad-key", file, "can't be written: "+cause(err), "name a file that you may write to")
	}
	return a.printPublic(pair, worker)
}

// workerForm is what may stand in a subject and in the server's configuration as it is.
var workerForm = regexp.MustCompile(`^[A-Za-z0-9_-]{0,64}$`)

func checkWorker(name string) error {
	if !workerForm.MatchString(name) {
		return fault.Userf("usage", "--worker", fmt.Sprintf("%q is no name of a worker", name), "use up to 64 letters, digits, _ and -")
	}
	return nil
}

// printPublic prints the public half of a key, for a worker as a line of users.conf: the
// rights of an encoder, and an inbox of its own.
func (a *app) printPublic(pair nkeys.KeyPair, worker string) error {
	public, err := pair.PublicKey()
	if err != nil {
		return fmt.Errorf("read the public half: %w", err)
	}
	if worker == "" {
		return a.printf("%s\n", public)
	}
	if err := checkWorker(worker); err != nil {
		return err
	}
	return a.printf("{nkey: %s, permissions: {publish: $ENCODER_PUBLISH, subscribe: {allow: [\"_INBOX_%s.>\", \"poke.>\", \"cancel.*\"]}}}\n", public, worker)
}

// writeSeed writes a file that only its owner may read, whole or not at all.
func writeSeed(file string, seed []byte, replace bool) error {
	path := file
	if replace {
		path += ".new"
		_ = os.Remove(path) // of one that was killed here
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(seed, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil && replace {
		err = os.Rename(path, file)
	}
	if err != nil {
		_ = os.Remove(path) // the first error counts
	}
	return err
}
