package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/cmd/reweave/internal/progress"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

// defaultServer is where serve listens when it is told nothing else.
const defaultServer = "http://127.0.0.1:8080"

// serverFlag adds --server, for commands that need one.
func (a *app) serverFlag(c *cobra.Command, url *string) {
	def := a.server
	if def == "" {
		def = defaultServer
	}
	c.Flags().StringVar(url, "server", def, "URL of the server (also REWEAVE_SERVER)")
}

func (a *app) listCommand() *cobra.Command {
	var url, state string
	var limit int
	var asJSON bool
	c := &cobra.Command{
		Use: "ls", Aliases: []string{"list"},
		Short: "List the jobs of a server, the newest first",
		Args:  takes(),
		RunE: a.does(func(ctx context.Context, _ *cobra.Command, _ []string) error {
			jobs, err := a.client(url).Jobs(ctx, job.State(state), limit)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(append([]job.Job{}, jobs...))
			}
			return a.table("ID\tSTATE\tCHUNKS\tFRAMES\tCREATED\tNAME", jobs, listLine)
		}),
	}
	a.serverFlag(c, &url)
	states := []string{"queued", "splitting", "encoding", "muxing", "done", "failed", "cancelled"}
	c.Flags().StringVar(&state, "state", "", "only jobs in this state: "+strings.Join(states, ", "))
	c.Flags().IntVar(&limit, "limit", 50, "at most so many; 0 for all")
	c.Flags().BoolVar(&asJSON, "json", false, "print an array of JSON objects")
	complete(c, map[string][]string{"state": states})
	return c
}

func listLine(j job.Job) string {
	return fmt.Sprintf("%s\t%s\t%d/%d\t%d\t%s\t%s", j.ID, j.State, j.Chunks.Done(), j.Chunks.Total, j.Frames,
		j.Created.Local().Format(time.DateTime), printable(j.Spec.Name))
}

// printable keeps control characters in a name from reaching the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

func (a *app) showCommand() *cobra.Command {
	var url string
	var asJSON bool
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show all that is known of a job",
		Args:  takes("ID"),
		RunE: a.does(func(ctx context.Context, _ *cobra.Command, args []string) error {
			j, err := a.client(url).Job(ctx, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(j)
			}
			return a.printf("%s", describe(j, time.Now()))
		}),
	}
	a.serverFlag(c, &url)
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return c
}

// describe tells of a job in lines.
func describe(j job.Job, now time.Time) string {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s "+format+"\n", append([]any{name}, args...)...)
	}
	row("job", "%s", j.ID)
	row("state", "%s", j.State)
	row("source", "%s", printable(j.Spec.Source))
	row("name", "%s", printable(j.Spec.Name))
	row("recipe", "%s", recipeOf(j.Spec))
	row("class", "%s", j.Spec.Class)
	row("created", "%s", j.Created.Local().Format(time.DateTime))
	row("chunks", "%d: %d encoded, %d reused", j.Chunks.Total, j.Chunks.Encoded, j.Chunks.Reused)
	if j.Frames > 0 {
		row("film", "%d frames, %.3f s", j.Frames, j.Duration)
	}
	row("time", "%.1f s, of which the encoders computed %.1f s", j.WallSeconds(now), j.EncodeSeconds)
	if j.Output != nil {
		row("output", "%s, sha256 %s", progress.FormatBytes(j.Output.Bytes), j.Output.SHA256)
	}
	for _, n := range j.Notes {
		row("note", "%s", printable(n))
	}
	if j.Error != nil {
		row("error", "%s", line(problem{*j.Error}))
		if j.Error.Log != "" {
			row("log", "\n%s", strings.TrimRight(j.Error.Log, "\n"))
		}
	}
	return b.String()
}

// recipeOf tells the settings in one line.
func recipeOf(s job.Spec) string {
	v := s.Video
	parts := []string{s.Container, v.Codec, "preset " + v.Preset}
	if v.CRF != nil {
		parts = append(parts, fmt.Sprintf("crf %d", *v.CRF))
	}
	if v.QP != nil {
		parts = append(parts, fmt.Sprintf("qp %d", *v.QP))
	}
	if v.PixFmt != "" {
		parts = append(parts, v.PixFmt)
	}
	return strings.Join(append(parts, "audio "+s.Audio, "subtitles "+s.Subtitles), ", ")
}

func (a *app) cancelCommand() *cobra.Command {
	var url string
	c := &cobra.Command{
		Use:   "cancel ID",
		Short: "Cancel a job; its encoded chunks are kept",
		Args:  takes("ID"),
		RunE: a.does(func(ctx context.Context, _ *cobra.Command, args []string) error {
			j, err := a.client(url).Cancel(ctx, args[0])
			if err != nil {
				return err
			}
			if j.State != job.Cancelled {
				return fault.Userf("job-final", "job "+j.ID, "it is "+string(j.State)+" already", "")
			}
			return a.printf("%s is cancelled\n", j.ID)
		}),
	}
	a.serverFlag(c, &url)
	return c
}

func (a *app) retryCommand() *cobra.Command {
	var url string
	var asJSON bool
	c := &cobra.Command{
		Use:   "retry ID",
		Short: "Do a job once more that failed or was cancelled",
		Long: `Makes a new job of the same settings and prints its id. Every chunk that the first one
finished is found in the store; only what is missing is encoded. Asked again, it prints the
same id.

The secret of a signed webhook is not kept behind its delivery: give it again, in
REWEAVE_WEBHOOK_SECRET.`,
		Args: takes("ID"),
		RunE: a.does(func(ctx context.Context, _ *cobra.Command, args []string) error {
			j, err := a.client(url).Retry(ctx, args[0], job.Secret(a.hookSecret))
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(j)
			}
			return a.printf("%s\n", j.ID)
		}),
	}
	a.serverFlag(c, &url)
	c.Flags().BoolVar(&asJSON, "json", false, "print the new job as a JSON object")
	return c
}

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write to stdout: %w", err)
	}
	return nil
}

// table writes jobs in columns.
func (a *app) table(head string, jobs []job.Job, row func(job.Job) string) error {
	lines := []string{head}
	for _, j := range jobs {
		lines = append(lines, row(j))
	}
	return a.columns(lines)
}

// columns writes lines whose columns are parted by tabs.
func (a *app) columns(lines []string) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(w, strings.Join(lines, "\n")); err != nil {
		return fmt.Errorf("write to stdout: %w", err)
	}
	return w.Flush()
}
