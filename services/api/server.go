package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/cache"
	"github.com/reweave/reweave/pkg/store"
)

// Bus is what the API needs of the message bus.
type Bus interface {
	jobBus
	cancelBus
	watchBus
	fleetBus
	accountBus
	cache.Bus
}

// Objects is what the API needs of the object store.
type Objects interface {
	store.Store
	store.Presigner
}

// Deps is what a Server works with.
type Deps struct {
	Bus     Bus
	Store   Objects
	Log     *zap.Logger
	Metrics prometheus.Registerer
	// Drain is closed when streams of events must end, so that their clients go on
	// at another replica. It may be nil.
	Drain <-chan struct{}
}

// Server answers the API's requests.
type Server struct {
	cfg     Config
	bus     Bus
	store   Objects
	log     *zap.Logger
	drain   <-chan struct{}
	metrics *metrics
	hub     *hub
	mux     *http.ServeMux
	origins *http.CrossOriginProtection
	tokens  *tokens
	limits  *limiter
	streams *streams
	cache   *cache.Keeper
	api     huma.API
}

// New returns a Server that answers until ctx ends. It watches the jobs on behalf
// of all its clients; [Server.Wait] returns when that has ended, after ctx.
func New(ctx context.Context, cfg Config, d Deps) (*Server, error) {
	setProblems()
	m, err := newMetrics(d.Metrics)
	if err != nil {
		return nil, fmt.Errorf("register metrics of the api: %w", err)
	}
	s := &Server{
		cfg: cfg.withDefaults(), bus: d.Bus, store: d.Store, log: d.Log, drain: d.Drain,
		metrics: m, mux: http.NewServeMux(), origins: http.NewCrossOriginProtection(),
	}
	if s.tokens, err = openTokens(s.cfg, d.Log); err != nil {
		return nil, err
	}
	s.limits, s.streams = newLimiter(s.cfg.Rate, s.cfg.Burst), newStreams(s.cfg.Streams)
	s.cache = cache.New(d.Bus, d.Store)
	s.cfg.PublicURL = strings.TrimSuffix(s.cfg.PublicURL, "/")
	s.hub = newHub(ctx, d.Bus, d.Log)
	s.api = humago.New(s.mux, s.describe())
	s.routeUploads()
	s.routeJobs()
	s.routeEvents()
	s.routeOutput()
	s.routeFleet()
	s.routeCache()
	s.routeFront()
	return s, nil
}

// Wait returns when nothing runs any more that New began.
func (s *Server) Wait() { s.hub.wait() }

// describe returns the head of the OpenAPI document. There is no page of
// documentation: those that huma offers load scripts from other hosts.
func (s *Server) describe() huma.Config {
	c := huma.DefaultConfig("Reweave", "1")
	c.Info.Description = "Distributed, incremental video encoding. Every error is an RFC 9457 problem with a stable type."
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", nil
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{bearer: {
		Type: "http", Scheme: "bearer", Description: "A token, where the server has tokens. Scopes: read, submit, which includes read, and admin.",
	}}
	if s.cfg.PublicURL != "" {
		c.Servers = []*huma.Server{{URL: s.cfg.PublicURL}}
	}
	return c
}

// bearer names the way of showing a token in the OpenAPI document.
const bearer = "token"

// routeFront puts health and metrics beside the API. Whether it lives everybody may
// know; metrics are for admins.
func (s *Server) routeFront() {
	if s.cfg.Front == nil {
		return
	}
	s.mux.Handle("GET /livez", s.cfg.Front)
	s.mux.Handle("GET /readyz", s.cfg.Front)
	s.mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		switch who, known := r.Context().Value(caller{}).(auth.Principal); {
		case !known:
			writeProblem(w, http.StatusUnauthorized, "")
		case !who.May(auth.Admin):
			writeProblem(w, http.StatusForbidden, "this needs the scope admin")
		default:
			s.cfg.Front.ServeHTTP(w, r)
		}
	})
}

// register adds an operation for those who have a scope, whose errors become problems. Where the handler's
// error is nobody's fault but ours, it is logged here and not told in full.
func register[I, O any](s *Server, scope auth.Scope, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	op.MaxBodyBytes = s.cfg.MaxBody
	op.Middlewares = append(op.Middlewares, s.needs(scope))
	op.Security = []map[string][]string{{bearer: {string(scope)}}}
	op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable)
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problemOf(ctx, op.OperationID, err)
		}
		return out, nil
	})
	op.Responses[strconv.Itoa(http.StatusTooManyRequests)].Headers = map[string]*huma.Param{"Retry-After": {
		Description: "seconds after which to ask again", Schema: &huma.Schema{Type: huma.TypeInteger},
	}}
}

// url returns the URL of a path of this API, as a client may use it.
func (s *Server) url(path string) string { return s.cfg.PublicURL + path }

var setProblems = sync.OnceFunc(func() { huma.NewError = newError })
