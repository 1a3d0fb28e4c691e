package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/reweave/reweave/cmd/reweave/internal/progress"
	"github.com/reweave/reweave/pkg/queue"
)

func (a *app) workersCommand() *cobra.Command {
	var url string
	var asJSON bool
	c := &cobra.Command{
		Use:   "workers",
		Short: "List the encoders of a server, and what each does",
		Args:  takes(),
		RunE: a.does(func(ctx context.Context, _ *cobra.Command, _ []string) error {
			workers, err := a.client(url).Workers(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(append([]queue.Worker{}, workers...))
			}
			lines := []string{"WORKER\tHOST\tSLOTS\tMEMORY\tSTATE\tUP\tVERSION\tCODECS\tDOING\tFOR"}
			for _, w := range workers {
				lines = append(lines, workerLines(w)...)
			}
			return a.columns(lines)
		}),
	}
	a.serverFlag(c, &url)
	c.Flags().BoolVar(&asJSON, "json", false, "print an array of JSON objects")
	return c
}

// workerLines tells of a worker: a line for each task that it does, or one when it does
// none. Times are told as it counted them, whatever its clock says.
func workerLines(w queue.Worker) (lines []string) {
	state := "idle"
	switch {
	case w.Draining:
		state = "draining"
	case w.Busy > 0:
		state = "busy"
	}
	codecs := strings.Join(slices.Sorted(maps.Keys(w.Encoders)), ",")
	head := fmt.Sprintf("%s\t%s\t%d/%d\t%s\t%s\t%s\t%s\t%s", printable(w.ID), printable(w.Host), w.Busy, w.Slots,
		memoryOf(w), state, span(w.At.Sub(w.Since)), printable(w.Version), printable(codecs))
	for _, d := range w.Doing {
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s", head, doingOf(d), span(w.At.Sub(d.Since))))
		head = strings.Repeat("\t", strings.Count(head, "\t"))
	}
	if len(lines) == 0 {
		lines = []string{head + "\t-\t"}
	}
	return lines
}

// memoryOf tells what the encodes that run may need, of what there is.
func memoryOf(w queue.Worker) string {
	if w.Memory == 0 {
		return "-"
	}
	return progress.FormatBytes(w.MemoryUsed) + "/" + progress.FormatBytes(w.Memory)
}

// doingOf names a task as job, segment and frames.
func doingOf(d queue.Doing) string {
	if d.Task.IsAudio() {
		return printable(fmt.Sprintf("%s audio %d", d.Job, d.Task.Index()))
	}
	return printable(fmt.Sprintf("%s segment %d, %d of %d frames", d.Job, d.Task.Index(), d.Frames, d.Total))
}

// span tells a time in whole seconds, never a negative one.
func span(d time.Duration) string { return max(d, 0).Round(time.Second).String() }
