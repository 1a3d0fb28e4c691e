package cli

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/reweave/reweave/cmd/reweave/internal/node"
	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/fault"
)

// serveFlags are the flags of serve.
type serveFlags struct {
	listen, data, metrics, nats, s3 string
	only                            []string
	workers                         int
}

func (a *app) serveCommand() *cobra.Command {
	var o serveFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the HTTP API, and do its work, from this one process",
		Long: `Runs all services, or those that --only names, in this process, on NATS and S3 servers
embedded in it. Where REWEAVE_NATS_URL and REWEAVE_S3_ENDPOINT are set, it uses those.

SIGTERM lets it finish what it holds; ^C stops it at once, and nothing that is encoded is
lost. It is configured by the environment, too: see docs/configuration.md.`,
		Args: takes(),
		RunE: a.does(func(ctx context.Context, c *cobra.Command, _ []string) error { return a.serve(ctx, c, &o) }),
	}
	f := c.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "address of the API")
	f.StringVar(&o.data, "data", "", "directory for all data (default $XDG_DATA_HOME/reweave)")
	f.StringSliceVar(&o.only, "only", nil, "run only these services: "+strings.Join(node.Services, ", "))
	f.IntVar(&o.workers, "workers", 0, "how many chunks are encoded at once (default: one per core)")
	f.StringVar(&o.metrics, "metrics-listen", "", "address of /livez, /readyz and /metrics (default: the API's)")
	f.StringVar(&o.nats, "nats-listen", "", "open the embedded NATS server at this address")
	f.StringVar(&o.s3, "s3-listen", "", "address of the embedded S3 server (default: a free port of 127.0.0.1)")
	complete(c, map[string][]string{"only": node.Services})
	return c
}

func (a *app) serve(ctx context.Context, c *cobra.Command, o *serveFlags) error {
	if o.workers < 0 {
		return fault.Userf("usage", "--workers", "a number of workers can't be negative", "leave it out for one per core")
	}
	s, err := a.newServer(ctx, c, o)
	if err != nil {
		return err
	}
	defer s.close()
	// The services outlive the signal: it begins the drain.
	hard, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	err = node.Run(hard, s.options, func(hard context.Context, n *node.Node) error {
		return s.serve(ctx, hard, n, kill)
	})
	if locked, ok := errors.AsType[*embed.LockedError](err); ok {
		return fault.Userf("data-dir-in-use", "", locked.Error(), "choose another directory: --data DIR")
	}
	return err
}

// server is one run of serve.
type server struct {
	*app
	options node.Options
	health  *boot.Health
	metrics *http.Server
	// says is where health is answered, when that is not the API's address.
	says string
}

func (a *app) newServer(ctx context.Context, c *cobra.Command, o *serveFlags) (_ *server, err error) {
	cfg, err := node.LoadConfigs()
	if err != nil {
		return nil, err
	}
	s := &server{app: a}
	reg := boot.NewRegistry()
	s.health = boot.NewHealth(reg)
	s.options = node.Options{
		NATSListen: o.nats, S3Listen: o.s3, Modules: o.only, Configs: cfg, Metrics: reg,
		Health: s.health, DrainTime: cfg.Drain,
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.options.Log, err = a.logger(cfg.Base); err != nil {
		return nil, err
	}
	if err := s.place(c, o); err != nil {
		return nil, err
	}
	return s, s.listen(ctx, o)
}

// logger logs for people where they look on.
func (a *app) logger(base boot.Base) (*zap.Logger, error) {
	f, ok := a.stderr.(*os.File)
	if _, set := os.LookupEnv("REWEAVE_LOG_FORMAT"); !set && ok && isatty.IsTerminal(f.Fd()) {
		base.LogFormat = "console"
	}
	return boot.NewLogger(base.LogFormat, base.LogLevel)
}

// place decides whose servers are used, and where the data lies.
func (s *server) place(c *cobra.Command, o *serveFlags) (err error) {
	_, nats := os.LookupEnv("REWEAVE_NATS_URL")
	_, s3 := os.LookupEnv("REWEAVE_S3_ENDPOINT")
	if nats != s3 {
		return fault.Userf("invalid-setting", "environment", "one of REWEAVE_NATS_URL and REWEAVE_S3_ENDPOINT is set, and the other is not",
			"set both to use these servers, or none to use embedded ones")
	}
	if s.options.Outside = nats; s.options.Outside {
		for _, name := range []string{"data", "nats-listen", "s3-listen"} {
			if c.Flags().Changed(name) {
				return fault.Userf("usage", "--"+name, "it has no meaning with REWEAVE_NATS_URL and REWEAVE_S3_ENDPOINT set", "leave it out")
			}
		}
		return nil
	}
	s.options.Dir, err = dataDir(o.data)
	s.options.Ephemeral = !node.Serves(s.options.Dir) // what an encode left there is nobody's
	return err
}

// listen opens the addresses of the API and of health. Without an API, its address is
// for health.
func (s *server) listen(ctx context.Context, o *serveFlags) (err error) {
	for _, f := range []struct{ flag, addr string }{
		{"--listen", o.listen}, {"--metrics-listen", o.metrics}, {"--nats-listen", o.nats}, {"--s3-listen", o.s3},
	} {
		if err := checkAddress(f.flag, f.addr); err != nil {
			return err
		}
	}
	cfg := &s.options.Configs
	if o.workers > 0 {
		cfg.Encoder.Slots = o.workers
	}
	hasAPI := len(o.only) == 0 || slices.Contains(o.only, "api") || slices.Contains(o.only, "all")
	flag, health := "--metrics-listen", o.metrics
	switch {
	case !hasAPI && health == "":
		flag, health = "--listen", o.listen
	case hasAPI:
		if err := checkExposed(o.listen, cfg.API.Asks()); err != nil {
			return err
		}
		if cfg.API.Listener, err = listen(ctx, "--listen", o.listen); err != nil {
			return err
		}
		if loopback(o.listen) {
			cfg.ReadFiles()
		}
	}
	if health == "" {
		cfg.API.Front = s.health
		return nil
	}
	return s.serveHealth(ctx, flag, health)
}

func (s *server) serveHealth(ctx context.Context, flag, addr string) error {
	l, err := listen(ctx, flag, addr)
	if err != nil {
		return err
	}
	s.metrics = &http.Server{Handler: s.health, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.metrics.Serve(l) }() // it ends with close
	s.says = "reweave answers for its health at http://" + l.Addr().String()
	return nil
}

func (s *server) close() {
	if l := s.options.Configs.API.Listener; l != nil {
		_ = l.Close() // the api may have closed it
	}
	if s.metrics != nil {
		_ = s.metrics.Close() // nobody waits for an answer of a process that ends
	}
}

// serve tells where the server is, and waits for the signal that ends it.
func (s *server) serve(ctx, hard context.Context, n *node.Node, kill func()) error {
	if stack := n.Stack(); stack != nil {
		if err := node.MarkServed(s.options.Dir); err != nil {
			return err
		}
		if url := n.URL(); url != "" {
			stack.Publish(url)
		}
	}
	join, err := n.WriteJoin()
	if err != nil {
		return err
	}
	if err := s.tell(n.URL(), join); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-hard.Done():
		return hard.Err()
	}
	s.health.Drain()
	if !drains(ctx) {
		kill()
		return nil
	}
	s.options.Log.Info("draining; a second signal ends it at once", zap.Duration("for", s.options.DrainTime))
	return nil
}

// tell prints where the server is, and how others join it.
func (s *server) tell(url, join string) error {
	var lines []string
	if url != "" {
		lines = append(lines, "reweave serves at "+url)
	}
	if s.says != "" {
		lines = append(lines, s.says)
	}
	if join != "" {
		lines = append(lines, "other services join with the settings in "+join)
	}
	return s.printf("%s\n", strings.Join(lines, "\n"))
}
