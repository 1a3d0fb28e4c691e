package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/cmd/reweave/internal/node"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
)

// withAPI calls do with the API of a server; without one, with that of a data directory of
// this machine: of the server that has it, or else of one in this process.
func (a *app) withAPI(ctx context.Context, url, data string, do func(context.Context, *client.Client) error) error {
	if url != "" && data == "" {
		return do(ctx, a.client(url))
	}
	dir, err := dataDir(data)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fault.Userf("bad-data-dir", dir, "there is no such directory, and so no store", "name the one that the chunks are in: --data DIR, or a server: --server URL")
	}
	note := func(text string) { _, _ = fmt.Fprintln(a.stderr, "reweave: "+text) } // only a note
	return whileLocked(ctx, 500*time.Millisecond, note, func() error {
		cfg, err := node.LoadConfigs()
		if err != nil {
			return err
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("open a port of this machine: %w", err)
		}
		defer func() { _ = l.Close() }() // the api may have closed it
		cfg.API.Listener, cfg.API.CacheBytes = l, 0
		kept := node.Serves(dir)
		return node.Run(ctx, node.Options{
			Dir: dir, Ephemeral: !kept, Discard: !kept, Modules: []string{"api"}, Configs: cfg, Log: zap.NewNop(), Metrics: boot.NewRegistry(),
		}, func(ctx context.Context, n *node.Node) error { return do(ctx, client.New(n.URL(), nil)) })
	}, func(url string) error { return do(ctx, a.client(url)) })
}
