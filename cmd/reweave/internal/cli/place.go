package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/cmd/reweave/internal/node"
	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/job"
)

// onServer has the job done by a server, and cancels it there when the run is
// interrupted. A server that shares this machine's files is not sent them.
func (e *encoding) onServer(ctx context.Context, url string, sharesFiles bool) error {
	cl := e.client(url)
	e.sharesFiles = sharesFiles
	src, err := sourceFor(ctx, cl, e.input, sharesFiles, e.show)
	if err != nil {
		return err
	}
	err = e.finish(ctx, cl, src)
	if ctx.Err() != nil && e.job.ID != "" && !e.job.State.Final() {
		e.cancel(context.WithoutCancel(ctx), cl)
	}
	return err
}

// cancel stops the job at the server, as far as it still can be reached.
func (e *encoding) cancel(ctx context.Context, cl *client.Client) {
	ctx, done := context.WithTimeout(ctx, 5*time.Second)
	defer done()
	if _, err := cl.Cancel(ctx, e.job.ID); err != nil {
		e.show.Note(fmt.Sprintf("job %s could not be cancelled and may go on: %s", e.job.ID, line(err)))
	}
}

// onThisMachine has the job done by a node in this process, or by the server that
// uses the data directory already.
func (e *encoding) onThisMachine(ctx context.Context) error {
	dir, err := dataDir(e.flags.data)
	if err != nil {
		return err
	}
	// What ffmpeg has is found out while the servers start, and before the job does.
	check := sync.OnceValue(func() error {
		if e.shape != nil { // which codec it is, the server tells
			return nil
		}
		return haveCodec(ctx, e.spec.WithDefaults())
	})
	go check() //nolint:errcheck // whoever needs the answer calls it again
	return whileLocked(ctx, lockPoll, e.show.Note,
		func() error {
			err := e.onNode(ctx, dir, check)
			if refused := check(); refused != nil { // it tells more than a node that failed by it
				return refused
			}
			return err
		},
		func(url string) error {
			e.show.Note("using the server at " + url + ", which has the data directory")
			if e.flags.workers > 0 {
				e.show.Note("that server decides by itself how many chunks are encoded at once: --workers doesn't count")
			}
			return e.onServer(ctx, url, true)
		})
}

// lockPoll is the time between two looks at a directory that another encode uses.
const lockPoll = 500 * time.Millisecond

// whileLocked calls start until the directory is free for it, which another encode
// ends by itself. Where a server has the directory, served is called with its URL.
func whileLocked(ctx context.Context, poll time.Duration, note func(string), start func() error, served func(url string) error) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for told := false; ; told = true {
		err := start()
		locked, ok := errors.AsType[*embed.LockedError](err)
		if !ok {
			return err
		}
		if locked.Addr != "" {
			return served(locked.Addr)
		}
		if !told {
			note(fmt.Sprintf("waiting for another reweave (pid %d) that uses %s", locked.PID, locked.Dir))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// onNode has the job done in this process, if check finds nothing against it.
func (e *encoding) onNode(ctx context.Context, dir string, check func() error) error {
	o, err := e.nodeOptions(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { _ = o.Configs.API.Listener.Close() }() // the api may have closed it
	e.sharesFiles = true
	src := e.input.path
	switch {
	case e.input.url != "":
		src = e.input.url
	case e.input.pipe != nil:
		src = job.StdinSource
	}
	return node.Run(ctx, o, func(ctx context.Context, n *node.Node) error {
		if err := check(); err != nil {
			return err
		}
		return e.finish(ctx, client.New(n.URL(), nil), src)
	})
}

func (e *encoding) nodeOptions(ctx context.Context, dir string) (node.Options, error) {
	cfg, err := node.LoadConfigs()
	if err != nil {
		return node.Options{}, err
	}
	log := zap.NewNop()
	if e.flags.verbose {
		if log, err = boot.NewLogger("console", cfg.LogLevel); err != nil {
			return node.Options{}, fault.Userf("invalid-setting", "environment", err.Error(), "")
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return node.Options{}, fmt.Errorf("open a port of this machine: %w", err)
	}
	cfg.ForOne(l, e.flags.workers, e.spec.WithDefaults(), e.input.pipe)
	if e.shape != nil {
		cfg.Encoder.Codecs = e.codecs(dir)
		go tryOut(ctx, cfg.Encoder.Codecs) // the encoder service waits for it
	}
	return node.Options{
		Dir: dir, Ephemeral: !node.Serves(dir), Discard: !node.Serves(dir), Modules: []string{"all"},
		Configs: cfg, Log: log, Metrics: boot.NewRegistry(),
	}, nil
}

// tryOut begins to try encoders, which the services do when the servers have started.
func tryOut(ctx context.Context, names []string) {
	if tool, err := ffmpeg.Find(ctx); err == nil && len(names) > 0 {
		_, _ = tool.Encoders(ctx, names) // it is told by who needs them
	}
}
