package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/quota"
)

// tokens tells who shows a token: one of the file's, or one that an issuer signed.
type tokens struct {
	file   *auth.File
	issuer *auth.OIDC
	log    *zap.Logger
}

// find looks for the token where it can be: those of the file have a prefix.
func (t *tokens) find(ctx context.Context, token string) (auth.Principal, bool) {
	if t.file != nil {
		if who, ok := t.file.Find(token); ok || t.issuer == nil {
			return who, ok
		}
	}
	who, err := t.issuer.Find(ctx, token)
	switch {
	case errors.Is(err, auth.ErrIssuer):
		t.log.Error("tokens can't be checked", zap.Error(err))
	case err != nil:
		t.log.Debug("a token does not count", zap.Error(err))
	}
	return who, err == nil
}

// Limits returns what a tenant may have at once, as the file tells it.
func (t *tokens) Limits(tenant string, otherwise quota.Limits) quota.Limits {
	if t.file == nil {
		return otherwise
	}
	return t.file.Limits(tenant, otherwise)
}

// openTokens opens the file of tokens and the issuer, when the configuration names one; it
// is nil where nobody is asked.
func openTokens(cfg Config, log *zap.Logger) (*tokens, error) {
	if !cfg.Asks() {
		return nil, nil
	}
	t := &tokens{log: log}
	var err error
	if cfg.OIDCIssuer != "" {
		if t.issuer, err = auth.NewOIDC(cfg.issuer()); err != nil {
			return nil, fault.Userf("invalid-setting", "REWEAVE_API_OIDC_ISSUER", err.Error(), "see docs/security.md, signed tokens")
		}
	}
	if cfg.Tokens == "" {
		return t, nil
	}
	f, err := auth.Open(cfg.Tokens, func(err error) { log.Error("the tokens before go on counting", zap.Error(err)) })
	if err != nil {
		e := fault.Userf("invalid-setting", "REWEAVE_API_TOKENS", "the file of tokens can't be used", "make its lines with: reweave token new")
		e.Err = err
		return nil, e
	}
	t.file = f
	return t, nil
}

// caller is the context's key for who asks. A request without one was refused, or is
// for what everybody may see.
type caller struct{}

func callerOf(ctx context.Context) auth.Principal {
	p, _ := ctx.Value(caller{}).(auth.Principal)
	return p
}

// identify finds out who asks. known is false for one who shows no token that counts.
func (s *Server) identify(r *http.Request) (who auth.Principal, known bool) {
	if s.tokens == nil {
		return auth.Anonymous, true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return auth.Principal{}, false
	}
	return s.tokens.find(r.Context(), strings.TrimSpace(token))
}

// needs refuses whoever lacks a scope, before the body is read.
func (s *Server) needs(scope auth.Scope) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		who, known := ctx.Context().Value(caller{}).(auth.Principal)
		switch {
		case !known:
			ctx.SetHeader("WWW-Authenticate", `Bearer realm="reweave"`)
			s.refuse(ctx, http.StatusUnauthorized, "")
		case !who.May(scope):
			ctx.SetHeader("WWW-Authenticate", `Bearer realm="reweave", error="insufficient_scope", scope="`+string(scope)+`"`)
			s.refuse(ctx, http.StatusForbidden, "this needs the scope "+string(scope))
		default:
			next(ctx)
		}
	}
}

func (s *Server) refuse(ctx huma.Context, status int, detail string) {
	if err := huma.WriteErr(s.api, ctx, status, detail); err != nil {
		s.log.Debug("refuse a request", zap.Error(err)) // the client has gone
	}
}

// seen returns the job unless it is another tenant's: that it exists is nobody else's
// business, so the answer is that of a job that doesn't.
func seen(ctx context.Context, j job.Job) (job.Job, error) {
	if !callerOf(ctx).Sees(j.Tenant) {
		return job.Job{}, noJob(j.ID)
	}
	return j, nil
}

// Exposed returns an error where others than this machine reach the address and nobody
// is asked who they are.
func Exposed(cfg Config, addr net.Addr) error {
	tcp, ok := addr.(*net.TCPAddr)
	if cfg.Asks() || ok && tcp.IP.IsLoopback() {
		return nil
	}
	return fault.Userf("insecure-address", addr.String(), "others can reach this address, and without tokens the API asks nobody who they are",
		"name a file of tokens (REWEAVE_API_TOKENS; see: reweave token new) or an issuer (REWEAVE_API_OIDC_ISSUER), or listen on 127.0.0.1")
}

// local reports whether a request that nobody has to sign names this machine as the
// one it is for. A page in a browser can make a name of its own mean 127.0.0.1, and
// would then be no stranger to the API (DNS rebinding).
func local(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]")
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// clientOf is whose requests are counted together: those with one token, or from one
// address; of IPv6 from one network, since a machine has as many addresses there as it likes.
func clientOf(r *http.Request, who auth.Principal, known bool) string {
	if known && who.Tenant != "" {
		return "token " + who.Tenant + " " + who.Name
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() && !ip.Is4In6() {
		if network, err := ip.WithZone("").Prefix(64); err == nil {
			return network.String()
		}
	}
	return host
}

// errTLS says that a certificate or its key is missing.
var errTLS = errors.New("REWEAVE_API_TLS_CERT and REWEAVE_API_TLS_KEY: set both or neither")
