// Package api is the HTTP API: it takes uploads and jobs, tells what became of
// them, and hands out deliverables. It is described by the OpenAPI 3.1 document
// that it serves at /openapi.yaml and /openapi.json.
//
// Every answer that is an error is a problem (RFC 9457) with a stable type. A
// replica keeps nothing that it can't lose: jobs live in NATS, media in S3, and
// the state of an upload travels with the client, in the URLs it was given.
package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/fault"
)

// Config is what the environment may set, under the prefix REWEAVE_API.
type Config struct {
	Listen      string        `envconfig:"LISTEN" default:":8080" desc:"address on which the API is served"`
	PublicURL   string        `envconfig:"PUBLIC_URL" desc:"URL under which clients reach the API, such as https://reweave.example; answers hold relative URLs without it"`
	LocalPaths  bool          `envconfig:"LOCAL_PATHS" default:"false" desc:"take absolute paths on this machine as sources; only for a server that its users run themselves"`
	PlainHTTP   bool          `envconfig:"PLAIN_HTTP" default:"false" desc:"take http:// URLs as sources"`
	UploadTTL   time.Duration `envconfig:"UPLOAD_TTL" default:"24h" desc:"how long the URLs of an upload hold"`
	OutputTTL   time.Duration `envconfig:"OUTPUT_TTL" default:"1h" desc:"how long the URL of a deliverable holds"`
	MaxBody     int64         `envconfig:"MAX_BODY" default:"1048576" desc:"largest body of a request, in bytes"`
	BodyTimeout time.Duration `envconfig:"BODY_TIMEOUT" default:"10s" desc:"how long the body of a request may take to arrive"`
	Heartbeat   time.Duration `envconfig:"HEARTBEAT" default:"15s" desc:"time between two signs of life in a stream of events"`
	DrainTime   time.Duration `envconfig:"DRAIN_TIME" default:"30s" desc:"how long running requests may take after a drain began"`
	Tokens      string        `envconfig:"TOKENS" desc:"file with the tokens that count, a line of JSON each, as reweave token new prints them; read again when it changes. Without it, only this machine can be served, and everybody on it may do everything"`
	OIDCIssuer  string        `envconfig:"OIDC_ISSUER" desc:"URL of an OpenID Connect issuer whose signed tokens (JWT) count beside those of the file"`
	OIDCAud     string        `envconfig:"OIDC_AUDIENCE" desc:"what the claim aud of the issuer's tokens must hold"`
	OIDCTenant  string        `envconfig:"OIDC_TENANT_CLAIM" default:"tenant" desc:"claim that holds the tenant"`
	OIDCScope   string        `envconfig:"OIDC_SCOPE_CLAIM" default:"scope" desc:"claim that holds the scopes, as a list or with spaces between them"`
	OIDCPrefix  string        `envconfig:"OIDC_SCOPE_PREFIX" default:"reweave:" desc:"what a scope for Reweave begins with there, such as reweave:submit; others are passed over"`
	OIDCLeeway  time.Duration `envconfig:"OIDC_LEEWAY" default:"30s" desc:"how long behind its end a token still counts, for clocks that differ"`
	TLSCert     string        `envconfig:"TLS_CERT" desc:"PEM file with the certificate, to serve HTTPS; read again when it changes"`
	TLSKey      string        `envconfig:"TLS_KEY" desc:"PEM file with the certificate's key"`
	Rate        float64       `envconfig:"RATE" default:"100" desc:"requests per second that one client, a token or an address, may make; 0 for any number"`
	Burst       int           `envconfig:"BURST" default:"200" desc:"requests that one client may make at once"`
	Streams     int           `envconfig:"STREAMS" default:"100" desc:"streams of events that one client may have open at once; 0 for any number"`

	TenantJobs  int   `envconfig:"TENANT_JOBS" default:"0" desc:"how many open jobs a tenant may have, where the file of tokens says nothing else; 0 for any number"`
	TenantBytes int64 `envconfig:"TENANT_BYTES" default:"0" desc:"how many bytes of uploads and deliverables a tenant may have stored, likewise"`
	TenantSlots int   `envconfig:"TENANT_SLOTS" default:"0" desc:"how many of the workers' slots a tenant's jobs may hold at once, likewise"`

	CacheBytes int64         `envconfig:"CACHE_BYTES" default:"0" desc:"bytes that all chunks may take together; those that were used the longest time ago are evicted, 0 for any number"`
	CacheSweep time.Duration `envconfig:"CACHE_SWEEP" default:"10m" desc:"time between two looks at whether they take more"`

	WebhookPrivate bool            `envconfig:"WEBHOOK_PRIVATE" default:"false" desc:"send webhooks by http, too, and to addresses that are not public; only where all who submit jobs may reach them"`
	WebhookRetries []time.Duration `envconfig:"WEBHOOK_RETRIES" default:"5s,1m,5m,30m,2h,5h,10h,14h,20h,24h" desc:"the pauses after which an event is sent again to a webhook's receiver that did not take it"`

	// Front, where it is set, answers /livez, /readyz and /metrics on the API's address.
	Front http.Handler `ignored:"true"`
	// Listener is served instead of Listen, by programs that hold the API in their
	// own process.
	Listener net.Listener `ignored:"true"`
}

// Validate reports settings that can't work.
func (c Config) Validate() error {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errTLS
	}
	if c.TenantJobs < 0 || c.TenantBytes < 0 || c.TenantSlots < 0 {
		return errors.New("REWEAVE_API_TENANT_JOBS, _BYTES and _SLOTS: must not be negative")
	}
	if c.CacheBytes < 0 || c.CacheSweep < 0 {
		return errCacheSweep
	}
	if c.OIDCIssuer != "" {
		if err := c.issuer().Validate(); err != nil {
			return fmt.Errorf("REWEAVE_API_OIDC_ISSUER: %w", err)
		}
	}
	if c.Rate < 0 || c.Burst < 0 || c.Streams < 0 {
		return errors.New("REWEAVE_API_RATE, _BURST and _STREAMS: must not be negative")
	}
	return nil
}

// Asks reports whether those who come are asked who they are.
func (c Config) Asks() bool { return c.Tokens != "" || c.OIDCIssuer != "" }

func (c Config) issuer() auth.Issuer {
	return auth.Issuer{
		URL: c.OIDCIssuer, Audience: c.OIDCAud, TenantClaim: c.OIDCTenant, ScopeClaim: c.OIDCScope, ScopePrefix: c.OIDCPrefix, Leeway: c.OIDCLeeway,
	}
}

// withDefaults fills in what a Config that was not read from the environment lacks.
func (c Config) withDefaults() Config {
	def := func(v *time.Duration, otherwise time.Duration) {
		if *v <= 0 {
			*v = otherwise
		}
	}
	def(&c.UploadTTL, 24*time.Hour)
	def(&c.OutputTTL, time.Hour)
	def(&c.BodyTimeout, 10*time.Second)
	def(&c.Heartbeat, 15*time.Second)
	def(&c.DrainTime, 30*time.Second)
	def(&c.CacheSweep, 10*time.Minute)
	if c.MaxBody <= 0 {
		c.MaxBody = 1 << 20
	}
	if c.Listen == "" {
		c.Listen = ":8080"
	}
	return c
}

// Run is the service.
func Run(ctx context.Context, cfg Config, env boot.Env) error {
	cfg = cfg.withDefaults()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := New(ctx, cfg, Deps{Bus: env.Bus, Store: env.Store, Log: env.Log, Metrics: env.Metrics, Drain: env.Drain})
	if err != nil {
		return err
	}
	defer s.Wait()
	defer cancel()
	ln := cfg.Listener
	if ln == nil {
		if ln, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen); err != nil {
			return fmt.Errorf("listen on %s: %w", cfg.Listen, err)
		}
	}
	if err := Exposed(cfg, ln.Addr()); err != nil {
		return errors.Join(err, ln.Close())
	}
	if ln, err = encrypt(ln, cfg, env.Log); err != nil {
		return err
	}
	env.Log.Info("serving the api", zap.Stringer("address", ln.Addr()), zap.Bool("tls", cfg.TLSCert != ""), zap.Bool("tokens", cfg.Asks()))
	h, err := newHooks(cfg, env.Bus, env.Log.Named("webhooks"), env.Metrics)
	if err != nil {
		return errors.Join(fmt.Errorf("register metrics of webhooks: %w", err), ln.Close())
	}
	env.Ready("")
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.run(ctx, env.Drain) })
	g.Go(func() error { return s.keepBelow(ctx) })
	g.Go(func() error { return serve(ctx, ln, s, cfg, env) })
	return g.Wait()
}

// encrypt puts TLS around a listener, when there is a certificate.
func encrypt(ln net.Listener, cfg Config, log *zap.Logger) (net.Listener, error) {
	if cfg.TLSCert == "" {
		return ln, nil
	}
	cert, err := auth.OpenCertificate(cfg.TLSCert, cfg.TLSKey, func(err error) { log.Error("the certificate before is served on", zap.Error(err)) })
	if err != nil {
		e := fault.Userf("invalid-setting", "REWEAVE_API_TLS_CERT", "the certificate can't be used", "give a certificate and its key, both in PEM")
		e.Err = err
		return nil, errors.Join(e, ln.Close())
	}
	tc := cert.Config()
	tc.NextProtos = []string{"h2", "http/1.1"}
	return tls.NewListener(ln, tc), nil
}

// serve answers requests on ln until the drain is over, or ctx ends, or ln breaks.
func serve(ctx context.Context, ln net.Listener, h http.Handler, cfg Config, env boot.Env) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          zap.NewStdLog(env.Log),
	}
	broken := make(chan error, 1)
	go func() { broken <- srv.Serve(ln) }()
	select {
	case err := <-broken:
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	case <-env.Drain:
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(ctx, cfg.DrainTime)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		env.Log.Info("cutting off requests that outlast the drain", zap.Error(err))
		err = srv.Close()
		if err != nil && !errors.Is(err, net.ErrClosed) {
			env.Log.Warn("close the listener", zap.Error(err))
		}
	}
	if err := <-broken; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	}
	return nil
}
