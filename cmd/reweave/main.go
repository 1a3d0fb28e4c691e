// Command reweave encodes video in chunks, on this machine or on a server, and
// serves all of Reweave from one process. See reweave --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/reweave/reweave/cmd/reweave/internal/cli"
	"github.com/reweave/reweave/internal/embed"
)

func main() {
	embed.MaybeChild()
	os.Exit(cli.Run(untilSignal(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// untilSignal returns a context that the first signal ends. A second one kills the
// process, as if nothing were handled.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	stops := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // else it runs under nohup
		stops = append(stops, syscall.SIGHUP)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, stops...)
	go func() {
		s := <-signals
		signal.Reset(stops...)
		cancel(cli.Stopped{Signal: s})
	}()
	return ctx
}
