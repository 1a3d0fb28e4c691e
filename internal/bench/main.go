// Command bench measures Reweave beside ffmpeg in one run, and prints a table.
//
// Every figure is a ratio of two measurements made one after the other on the same
// machine, so that it means something elsewhere too. Nothing here passes or fails.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/reweave/reweave/internal/embed"
)

func main() {
	embed.MaybeChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of the benchmark.
type bench struct {
	dir     string // temporary files
	bin     string // where the programs lie: reweave, reweave-api, …
	input   string
	seconds int
	hours   float64
	minutes int
	only    string
	rows    []row
}

// row is a line of the table.
type row struct{ what, ours, peer, ratio, goal string }

func run(ctx context.Context) error {
	b := &bench{}
	flag.StringVar(&b.bin, "bin", "bin", "directory with the built programs")
	flag.StringVar(&b.input, "input", "", "source to encode (default: one that is made)")
	flag.IntVar(&b.seconds, "seconds", 60, "length of the source that is made")
	flag.Float64Var(&b.hours, "hours", 2, "length of the source for the memory test; 0 leaves it out")
	flag.IntVar(&b.minutes, "minutes", 8, "length of the film that is patched")
	flag.StringVar(&b.only, "only", "encode,overhead,split,patch,memory", "what to measure")
	flag.Parse()
	var err error
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "reweave-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.only != "patch" && b.only != "memory" {
		if err := b.source(ctx); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		name    string
		measure func(context.Context) error
	}{{"encode", b.encode}, {"overhead", b.overhead}, {"split", b.split}, {"patch", b.patch}, {"memory", b.memory}} {
		if !slices.Contains(strings.Split(b.only, ","), step.name) {
			continue
		}
		if err := step.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	b.print()
	return nil
}

func (b *bench) add(what, ours, peer, ratio, goal string) {
	b.rows = append(b.rows, row{what, ours, peer, ratio, goal})
	fmt.Fprintf(os.Stderr, "%s: %s, peer %s: %s (goal %s)\n", what, ours, peer, ratio, goal)
}

func (b *bench) print() {
	fmt.Printf("%s, %d cores, %s, source %s\n\n", time.Now().Format(time.DateOnly), runtime.NumCPU(), ffmpegVersion(), filepath.Base(b.input))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| what\t| Reweave\t| peer\t| ratio\t| goal\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|")
	for _, r := range b.rows {
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t| %s\t|\n", r.what, r.ours, r.peer, r.ratio, r.goal)
	}
	w.Flush()
}
