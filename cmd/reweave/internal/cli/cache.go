package cli

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/reweave/reweave/cmd/reweave/internal/progress"
	"github.com/reweave/reweave/pkg/cache"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/store"
)

// cacheFlags say where the cache is, and how to tell of it.
type cacheFlags struct {
	url, data string
	json      bool
}

func (a *app) cacheCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "cache",
		Short: "Look after the stored chunks",
		Long: `Every chunk that was ever encoded is kept, so that nothing is encoded twice. These commands
tell what the chunks take and who holds them, and make room: by hand, or below a limit that a
server keeps by itself (REWEAVE_API_CACHE_BYTES). An evicted chunk that is needed again is
encoded again.`,
	}
	c.AddCommand(a.cacheStatsCommand(), a.cacheListCommand(), a.cacheGCCommand(),
		a.cachePinCommand("pin", "Keep a deliverable's chunks, whatever the limit", (*client.Client).Pin),
		a.cachePinCommand("unpin", "Let a pinned deliverable's chunks go", (*client.Client).Unpin), a.cacheVerifyCommand())
	return c
}

// cacheSub makes a subcommand that does something with the API of a cache.
func (a *app) cacheSub(use, short string, args cobra.PositionalArgs, do func(context.Context, *client.Client, *cacheFlags, []string) error) *cobra.Command {
	var o cacheFlags
	c := &cobra.Command{Use: use, Short: short, Args: args}
	c.RunE = a.does(func(ctx context.Context, _ *cobra.Command, args []string) error {
		return a.withAPI(ctx, o.url, o.data, func(ctx context.Context, cl *client.Client) error { return do(ctx, cl, &o, args) })
	})
	f := c.Flags()
	f.StringVar(&o.url, "server", a.server, "URL of a server (also REWEAVE_SERVER); without one, the data directory of this machine")
	f.StringVar(&o.data, "data", "", "data directory (default: $XDG_DATA_HOME/reweave, or ~/.local/share/reweave)")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return c
}

func (a *app) cacheStatsCommand() *cobra.Command {
	return a.cacheSub("stats", "Tell how large the chunk store is, and which deliverables hold it", takes(),
		func(ctx context.Context, cl *client.Client, o *cacheFlags, _ []string) error {
			s, err := cl.Cache(ctx)
			if err != nil {
				return err
			}
			if o.json {
				return a.printJSON(s)
			}
			limit := "no limit"
			if s.Limit > 0 {
				limit = "at most " + progress.FormatBytes(s.Limit)
			}
			if err := a.printf("  chunks    %d, %s (%s)\n  pinned    %s\n  unheld    %s, which no deliverable is made of\n  hit rate  %.0f %%, of the deliverables as each was last made\n\n",
				s.Chunks, progress.FormatBytes(s.Bytes), limit, progress.FormatBytes(s.Pinned), progress.FormatBytes(s.Unheld), 100*s.HitRate); err != nil {
				return err
			}
			lines := []string{"DELIVERABLE\tMADE\tCHUNKS\tREUSED\tLOST\tSIZE\tPINNED"}
			for _, d := range s.Deliverables {
				lines = append(lines, fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t%s\t%s", d.SHA256[:16], ago(d.Made), d.Chunks, d.Reused, d.Lost,
					progress.FormatBytes(d.Bytes), yes(d.Pinned)))
			}
			return a.columns(lines)
		})
}

func (a *app) cacheListCommand() *cobra.Command {
	return a.cacheSub("ls", "List the stored chunks", takes(), func(ctx context.Context, cl *client.Client, o *cacheFlags, _ []string) error {
		chunks, err := cl.Chunks(ctx)
		if err != nil {
			return err
		}
		if o.json {
			return a.printJSON(append([]cache.Chunk{}, chunks...))
		}
		return a.columns(chunkLines(chunks))
	})
}

func chunkLines(chunks []cache.Chunk) []string {
	lines := []string{"CHUNK\tSIZE\tUSED\tPINNED\tHELD BY"}
	for _, ch := range chunks {
		var held []string
		for _, sum := range ch.Deliverables {
			held = append(held, sum[:16])
		}
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s\t%s", ch.Key[:16], progress.FormatBytes(ch.Bytes), ago(ch.Used), yes(ch.Pinned), strings.Join(held, ",")))
	}
	return lines
}

func (a *app) cacheGCCommand() *cobra.Command {
	var most string
	var dry bool
	c := a.cacheSub("gc --max-size SIZE", "Evict the chunks that were used the longest time ago", takes(),
		func(ctx context.Context, cl *client.Client, o *cacheFlags, _ []string) error {
			limit, err := humanize.ParseBytes(most)
			if err != nil || limit > 1<<62 {
				return fault.Userf("usage", "--max-size "+most, "it is no size", "give one, such as 500GB, 20GiB or 0")
			}
			e, err := cl.Evict(ctx, int64(limit), dry) //nolint:gosec // bounded above
			if err != nil {
				return err
			}
			if o.json {
				return a.printJSON(e)
			}
			did := "evicted"
			if dry {
				did = "would evict"
			}
			return a.printf("%s %d chunks, %s; %s stay\n", did, len(e.Chunks), progress.FormatBytes(e.Bytes), progress.FormatBytes(e.Left))
		})
	c.Flags().StringVar(&most, "max-size", "", "what all chunks may take together, such as 500GB; pinned ones and those of running jobs stay all the same")
	c.Flags().BoolVar(&dry, "dry-run", false, "only tell what would go")
	return c
}

func (a *app) cachePinCommand(use, short string, do func(*client.Client, context.Context, string) error) *cobra.Command {
	return a.cacheSub(use+" DELIVERABLE", short, takes("DELIVERABLE"), func(ctx context.Context, cl *client.Client, o *cacheFlags, args []string) error {
		sum, err := digestOf(args[0])
		if err != nil {
			return err
		}
		if err := do(cl, ctx, sum); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(map[string]any{"sha256": sum, "pinned": use == "pin"})
		}
		return a.printf("%sned %s\n", use, sum[:16])
	})
}

var sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)

// digestOf returns the digest that names a deliverable: the argument itself, or that of the
// file of this name.
func digestOf(arg string) (string, error) {
	if sha256Form.MatchString(arg) {
		return arg, nil
	}
	f, err := os.Open(arg)
	if err != nil {
		return "", fault.Userf("bad-input", arg, "it is neither a SHA-256 nor a file that can be read: "+cause(err), "name a deliverable, or its digest")
	}
	defer func() { _ = f.Close() }() // it was only read
	sum, _, err := store.Digest(f)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", arg, err)
	}
	return sum, nil
}

func (a *app) cacheVerifyCommand() *cobra.Command {
	return a.cacheSub("verify", "Read every chunk, and drop those that are damaged", takes(),
		func(ctx context.Context, cl *client.Client, o *cacheFlags, _ []string) error {
			sum := cache.Checked{Damaged: []string{}}
			for next := ""; ; {
				c, err := cl.VerifyChunks(ctx, next)
				if err != nil {
					return err
				}
				sum.Chunks, sum.Bytes, sum.Damaged = sum.Chunks+c.Chunks, sum.Bytes+c.Bytes, append(sum.Damaged, c.Damaged...)
				if next = c.Next; next == "" {
					break
				}
			}
			if o.json {
				return a.printJSON(sum)
			}
			for _, key := range sum.Damaged {
				if err := a.printf("damaged, and dropped: %s\n", key); err != nil {
					return err
				}
			}
			return a.printf("%d chunks, %s: %d damaged\n", sum.Chunks, progress.FormatBytes(sum.Bytes), len(sum.Damaged))
		})
}

func ago(t time.Time) string { return humanize.Time(t) }

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "-"
}
