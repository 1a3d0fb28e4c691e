// Command chaos injects faults into Reweave and checks that nothing comes of them.
//
// A [world] is NATS, S3 and the four services, each a process of its own, with real
// ffmpeg behind a shim that notes every encode and can be told to fail. Each service has
// keys of its own, with the rights that the deployments give it. A [fault] is
// injected into jobs that run there. Behind each one the same things must hold: every
// job ends in bounded time, its deliverable has the bytes of the undisturbed run, there
// is exactly one completion event, no more encodes were redone than processes crashed,
// and nothing is left: no ffmpeg, no message, no temporary object.
//
//	go run ./internal/chaos -bin bin            every fault, and a table
//	go run ./internal/chaos -bin bin -run nats  those with "nats" in their name
//	go run ./internal/chaos -bin bin -fairness  how long jobs wait beside others
//	go run ./internal/chaos -bin bin -soak      a mix of all, for half an hour
//
// It exits with 1 when a fault left a mark, and keeps logs and state of all then.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	if serveMaybe() {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		stop()
		os.Exit(1)
	}
}

// errFailed says that the table holds a failure.
var errFailed = errors.New("not every fault was without consequence")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	bin := flags.String("bin", "bin", "directory with the built services")
	only := flags.String("run", "", "inject only the faults whose name contains this")
	short := flags.Bool("short", false, "a few faults, a minute in all")
	fair := flags.Bool("fairness", false, "measure how long jobs wait beside others, instead of injecting faults")
	segment := flags.Duration("segment", 2*time.Second, "with -fairness: how long an encode takes")
	soak := flags.Bool("soak", false, "mix all kinds of faults at random instead")
	lasts := flags.Duration("for", 30*time.Minute, "how long to soak")
	seed := flags.Uint64("seed", 0, "what a soak does is made of this number (default: any)")
	round := flags.Int("round", 0, "soak for this round alone")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "reweave-chaos-")
	if err != nil {
		return err
	}
	h := &harness{dir: dir, out: stderr, brief: *short}
	if h.bin, err = filepath.Abs(*bin); err != nil {
		return err
	}
	var failed bool
	switch {
	case *fair:
		return errors.Join(h.fairness(ctx, stdout, *only, *segment), os.RemoveAll(dir))
	case *soak:
		if *seed == 0 {
			*seed = rand.Uint64N(1e6) + 1
		}
		fmt.Fprintln(stderr, "seed", *seed)
		if err = h.undisturbed(ctx); err == nil {
			err = h.soak(ctx, *seed, *round, *lasts, stdout)
		}
		failed = err != nil
	default:
		failed, err = h.faults(ctx, picked(*only, *short), stdout)
	}
	if failed {
		fmt.Fprintln(stderr, "logs and state are in", dir)
	} else {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if failed && !errors.Is(err, errFailed) {
		return errors.Join(err, errFailed)
	}
	return err
}

// faults injects the chosen faults and prints their table.
func (h *harness) faults(ctx context.Context, chosen []fault, out io.Writer) (failed bool, err error) {
	begin := time.Now()
	rows, err := h.all(ctx, chosen)
	printTable(out, rows, time.Since(begin))
	failed = err != nil
	for _, r := range rows {
		failed = failed || r.err != nil
	}
	return failed, err
}

// row is a line of the table.
type row struct {
	name               string
	times, redone, max int
	took               time.Duration
	err                error
}

func printTable(out io.Writer, rows []row, took time.Duration) {
	fmt.Fprintf(out, "%s, %d cores, %s/%s, %s in all\n\n", time.Now().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, took.Round(time.Second))
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| fault\t| injected\t| redone encodes\t| allowed\t| seconds\t| result\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, r := range rows {
		result := "ok"
		if r.err != nil {
			result = "FAILED: " + strings.ReplaceAll(r.err.Error(), "\n", "; ")
		}
		fmt.Fprintf(w, "| %s\t| %d\t| %d\t| %d\t| %.0f\t| %s\t|\n", r.name, r.times, r.redone, r.max, r.took.Seconds(), result)
	}
	_ = w.Flush() // what can't be printed can't be told either
}
