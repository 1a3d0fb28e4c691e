package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
)

// client returns a client of a server, which shows it the user's token.
func (a *app) client(url string) *client.Client {
	c := client.New(url, nil)
	if a.token == "" {
		return c
	}
	return c.WithToken(a.token)
}

// readToken reads the token out of the file that is named, unless the environment holds
// it.
func (a *app) readToken() error {
	if a.token != "" || a.tokenFile == "" {
		return nil
	}
	text, err := os.ReadFile(a.tokenFile)
	if err != nil {
		return fault.Userf("bad-token", "--token-file", "the file can't be read: "+cause(err), "name a file that holds the token alone")
	}
	a.token = strings.TrimSpace(string(text))
	if a.token == "" || strings.ContainsAny(a.token, " \n\r\t") {
		return fault.Userf("bad-token", "--token-file", "the file holds no token", "put the token into it, and nothing else")
	}
	return nil
}

func (a *app) tokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Make tokens for the users of a server",
		Args:  takes(),
		RunE:  func(c *cobra.Command, _ []string) error { a.parsed = true; return c.Help() },
	}
	c.AddCommand(a.newTokenCommand())
	return c
}

func (a *app) newTokenCommand() *cobra.Command {
	var name, tenant, file string
	var scopes []string
	c := &cobra.Command{
		Use:   "new --tenant TENANT [--scope SCOPE]",
		Short: "Make a token and print it, with the line by which a server knows it",
		Long: `Makes a token. It is printed once and kept nowhere: the server's file of tokens, which
REWEAVE_API_TOKENS names, holds a digest of it. Add the line to that file, or have
--append do it; a server that runs reads it again by itself.`,
		Example: `  reweave token new --tenant films --scope submit --append tokens`,
		Args:    takes(),
		RunE: a.does(func(context.Context, *cobra.Command, []string) error {
			return a.newToken(name, tenant, scopes, file)
		}),
	}
	f := c.Flags()
	f.StringVar(&name, "name", "", "what logs call the token (default: one is made up)")
	f.StringVar(&tenant, "tenant", "", "whose jobs it reaches")
	f.StringSliceVar(&scopes, "scope", []string{string(auth.Submit)}, "what it allows: read; submit, which includes read; admin, for all tenants")
	f.StringVar(&file, "append", "", "add the line to this file")
	complete(c, map[string][]string{"scope": {"read", "submit", "admin"}})
	return c
}

func (a *app) newToken(name, tenant string, scopes []string, file string) error {
	if tenant == "" {
		return fault.Userf("usage", "token new", "there is no tenant", "name whose jobs it reaches: --tenant TENANT")
	}
	var allowed []auth.Scope
	for _, s := range scopes {
		allowed = append(allowed, auth.Scope(s))
	}
	token, entry, err := auth.New(name, tenant, allowed)
	if err != nil {
		return fault.Userf("usage", "token new", err.Error(), "see: reweave token new --help")
	}
	line, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("write the entry: %w", err)
	}
	if file == "" {
		return a.printf("%s\n%s\n", token, line)
	}
	if err := appendLine(file, line); err != nil {
		return fault.Userf("bad-token", "--append", cause(err), "name a file that you may write to")
	}
	return a.printf("%s\n", token)
}

// appendLine adds a line to a file, which it makes where there is none. A digest is no
// secret, but who may do what need not be known to all.
func appendLine(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	text := append(line, '\n')
	if info, err := f.Stat(); err == nil && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			text = append([]byte{'\n'}, text...)
		}
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Close()
}
