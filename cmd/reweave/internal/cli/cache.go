package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/reweave/reweave/cmd/reweave/internal/progress"
	"github.com/reweave/reweave/pkg/cache"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
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
encoded again. DELIVERABLE is a file that was made here, or its SHA-256.`,
		Args: takes("COMMAND"),
		RunE: func(_ *cobra.Command, args []string) error {
			return fault.Userf("usage", "cache", fmt.Sprintf("there is no command %q", args[0]), "see: reweave cache --help")
		},
	}
	c.AddCommand(a.cacheStatsCommand(), a.cacheListCommand(), a.cacheGCCommand(),
		a.cachePinCommand(), a.cacheUnpinCommand(), a.cacheVerifyCommand())
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
			if err := a.printf("  chunks    %d, %s (%s)\n  pinned    %s\n  unheld    %s, which no deliverable is made of\n  hit rate  %.0f %%: chunks that were there already when each deliverable was last made\n\n",
				s.Chunks, progress.FormatBytes(s.Bytes), limit, progress.FormatBytes(s.Pinned), progress.FormatBytes(s.Unheld), 100*s.HitRate); err != nil {
				return err
			}
			lines := []string{"DELIVERABLE\tMADE\tCHUNKS\tREUSED\tLOST\tSIZE\tPINNED\tSOURCE"}
			for _, d := range s.Deliverables {
				lines = append(lines, fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s", d.SHA256[:16], ago(d.Made), d.Chunks, d.Reused, d.Lost,
					progress.FormatBytes(d.Bytes), yes(d.Pinned), orDash(printable(d.Source))))
			}
			return a.columns(lines)
		})
}

func (a *app) cacheListCommand() *cobra.Command {
	of := ""
	c := a.cacheSub("ls", "List the stored chunks, and which deliverables hold them", takes(), func(ctx context.Context, cl *client.Client, o *cacheFlags, _ []string) error {
		chunks, err := cl.Chunks(ctx)
		if err != nil {
			return err
		}
		if of != "" {
			sum, err := digestOf(ctx, cl, of)
			if err != nil {
				return err
			}
			chunks = slices.DeleteFunc(chunks, func(ch cache.Chunk) bool { return !slices.Contains(ch.Deliverables, sum) })
		}
		if o.json {
			return a.printJSON(append([]cache.Chunk{}, chunks...))
		}
		return a.columns(chunkLines(chunks))
	})
	c.Flags().StringVar(&of, "of", "", "only those that a deliverable is made of: a file that was made here, or its SHA-256")
	return c
}

func chunkLines(chunks []cache.Chunk) []string {
	lines := []string{"CHUNK\tSIZE\tUSED\tPINNED\tRUNNING\tHELD BY"}
	for _, ch := range chunks {
		var held []string
		for _, sum := range ch.Deliverables {
			held = append(held, sum[:16])
		}
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", ch.Key[:16], progress.FormatBytes(ch.Bytes), ago(ch.Used), yes(ch.Pinned), yes(ch.Running),
			orDash(strings.Join(held, ","))))
	}
	return lines
}

func (a *app) cacheGCCommand() *cobra.Command {
	var most string
	var dry bool
	c := a.cacheSub("gc --max-size SIZE", "Evict the chunks that were used the longest time ago", takes(),
		func(ctx context.Context, cl *client.Client, o *cacheFlags, _ []string) error {
			limit, err := limitOf(ctx, cl, most)
			if err != nil {
				return err
			}
			e, err := cl.Evict(ctx, limit, dry)
			if err != nil {
				return err
			}
			if o.json {
				return a.printJSON(e)
			}
			return a.tellEvicted(e, limit, dry)
		})
	c.Flags().StringVar(&most, "max-size", "", "what all chunks may take together, such as 500GB; pinned ones and those of running jobs stay all the same (default: the server's own limit)")
	c.Flags().BoolVar(&dry, "dry-run", false, "only tell what would go")
	return c
}

// limitOf reads a size, or asks the server for the limit that it keeps by itself.
func limitOf(ctx context.Context, cl *client.Client, most string) (int64, error) {
	if most == "" {
		s, err := cl.Cache(ctx)
		if err == nil && s.Limit == 0 {
			err = fault.Userf("usage", "cache gc", "there is no SIZE, and no limit that is kept anyhow", "say what may stay: --max-size 500GB, or 0 for nothing")
		}
		return s.Limit, err
	}
	limit, err := humanize.ParseBytes(most)
	if err != nil || limit > 1<<62 {
		return 0, fault.Userf("usage", "--max-size "+most, "it is no size", "give one, such as 500GB, 20GiB or 0")
	}
	return int64(limit), nil //nolint:gosec // bounded above
}

func (a *app) tellEvicted(e cache.Evicted, limit int64, dry bool) error {
	did := "evicted"
	if dry {
		did = "would evict"
		if len(e.Chunks) > 0 {
			if err := a.columns(chunkLines(e.Chunks)); err != nil {
				return err
			}
		}
	}
	more := ""
	if e.Left > limit {
		more = ", more than was asked for: deliverables that are pinned, or jobs that run, need them"
	}
	return a.printf("%s %s, %s; %s stay%s\n", did, chunkCount(len(e.Chunks)), progress.FormatBytes(e.Bytes), progress.FormatBytes(e.Left), more)
}

func chunkCount(n int) string {
	if n == 1 {
		return "1 chunk"
	}
	return fmt.Sprintf("%d chunks", n)
}

func (a *app) cachePinCommand() *cobra.Command {
	return a.cacheSub("pin DELIVERABLE", "Keep a deliverable's chunks, whatever the limit", takes("DELIVERABLE"), func(ctx context.Context, cl *client.Client, o *cacheFlags, args []string) error {
		sum, err := digestOf(ctx, cl, args[0])
		if err != nil {
			return err
		}
		d, err := cl.Pin(ctx, sum)
		if err != nil {
			return err
		}
		if o.json {
			return a.printJSON(d)
		}
		lost := ""
		if d.Lost > 0 {
			lost = fmt.Sprintf("; %d more are not stored any more, and kept once they are made again", d.Lost)
		}
		return a.printf("pinned %s: %s, %s%s\n", sum[:16], chunkCount(d.Chunks-d.Lost), progress.FormatBytes(d.Bytes), lost)
	})
}

func (a *app) cacheUnpinCommand() *cobra.Command {
	return a.cacheSub("unpin DELIVERABLE", "Let a pinned deliverable's chunks go", takes("DELIVERABLE"), func(ctx context.Context, cl *client.Client, o *cacheFlags, args []string) error {
		sum, err := digestOf(ctx, cl, args[0])
		if err != nil {
			return err
		}
		if err := cl.Unpin(ctx, sum); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(map[string]any{"sha256": sum, "pinned": false})
		}
		return a.printf("unpinned %s\n", sum[:16])
	})
}

func (a *app) cacheVerifyCommand() *cobra.Command {
	return a.cacheSub("verify", "Read every chunk, and drop those that are damaged", takes(),
		func(ctx context.Context, cl *client.Client, o *cacheFlags, _ []string) error {
			sum := cache.Checked{Damaged: []string{}, Dropped: []string{}}
			for next := ""; ; {
				c, err := cl.VerifyChunks(ctx, next)
				if err != nil {
					return err
				}
				sum.Chunks, sum.Bytes = sum.Chunks+c.Chunks, sum.Bytes+c.Bytes
				sum.Damaged, sum.Dropped = append(sum.Damaged, c.Damaged...), append(sum.Dropped, c.Dropped...)
				if next = c.Next; next == "" {
					break
				}
			}
			if o.json {
				return a.printJSON(sum)
			}
			return a.tellVerified(sum)
		})
}

func (a *app) tellVerified(c cache.Checked) error {
	for _, key := range c.Damaged {
		what := "dropped"
		if !slices.Contains(c.Dropped, key) {
			what = "left to the running job that needs it"
		}
		if err := a.printf("damaged, and %s: %s\n", what, printable(key)); err != nil {
			return err
		}
	}
	if err := a.printf("%s, %s: %d damaged\n", chunkCount(c.Chunks), progress.FormatBytes(c.Bytes), len(c.Damaged)); err != nil || len(c.Damaged) == 0 {
		return err
	}
	return a.printf("Deliverables are not touched. Those that lack chunks now (see LOST in reweave cache stats) get them again from\ntheir source, when they are encoded or patched the next time. Look after the disk that they lay on.\n")
}

func ago(t time.Time) string { return humanize.Time(t) }

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "-"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
