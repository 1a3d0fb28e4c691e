package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count by route, which is the pattern and never the path: job ids have no
// place in labels.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	clients  prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reweave_api_requests_total", Help: "Requests answered.",
		}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "reweave_api_request_duration_seconds", Help: "Time to answer a request, streams of events left out.",
			Buckets: prometheus.ExponentialBuckets(0.001, 3, 10),
		}, []string{"route", "method"}),
		clients: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "reweave_api_sse_clients", Help: "Clients that follow a job's events now.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.requests), reg.Register(m.duration), reg.Register(m.clients))
}

// ServeHTTP answers one request and counts it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	fallback, pattern := s.mux.Handler(r)
	route, method := routeOf(pattern), methodOf(r.Method)
	defer func() {
		s.metrics.requests.WithLabelValues(route, method, strconv.Itoa(rec.status)).Inc()
		if route != eventsPath {
			s.metrics.duration.WithLabelValues(route, method).Observe(time.Since(began).Seconds())
		}
	}()
	rec.Header().Set("X-Content-Type-Options", "nosniff")
	if r.ContentLength != 0 {
		// Also a body that nobody wants must come in time: package http reads it before it
		// answers. It takes the deadline away at the body's end. An error means that the
		// connection has none, which those of a server have.
		_ = http.NewResponseController(w).SetReadDeadline(began.Add(s.cfg.BodyTimeout))
	}
	who, known := s.identify(r)
	if known {
		r = r.WithContext(context.WithValue(r.Context(), caller{}, who))
	}
	after := s.limits.wait(clientOf(r, who, known))
	switch {
	case after > 0:
		slowDown(rec, after)
	case s.tokens == nil && !local(r):
		writeProblem(rec, http.StatusMisdirectedRequest, "the request is for "+r.Host)
	case s.origins.Check(r) != nil:
		writeError(rec, http.StatusForbidden, errCrossOrigin)
	case pattern == "":
		refuseRoute(rec, r, fallback)
	default:
		s.mux.ServeHTTP(rec, r)
	}
}

// refuseRoute asks the mux's own handler for 404 or 405 and answers it as a problem.
func refuseRoute(w http.ResponseWriter, r *http.Request, fallback http.Handler) {
	d := &discard{header: w.Header(), status: http.StatusOK}
	fallback.ServeHTTP(d, r)
	writeProblem(w, d.status, r.Method+" "+r.URL.Path)
}

func routeOf(pattern string) string {
	if pattern == "" {
		return "none"
	}
	_, path, _ := strings.Cut(pattern, " ")
	return path
}

// methodOf keeps made-up methods out of the labels.
func methodOf(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete, http.MethodPut, http.MethodPatch, http.MethodOptions:
		return m
	}
	return "other"
}

// recorder remembers the status that was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers the status.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets an [http.ResponseController] reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// discard keeps the status and the header of an answer, and drops its body.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }
