package boot

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewRegistry makes a registry of its own, with the metrics of the Go runtime and
// of the process.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewBuildInfoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Health answers three paths over HTTP:
//
//	/livez    200 as long as the process answers at all
//	/readyz   200, or 503 with a line of text for each component that has a problem
//	/metrics  the metrics, for Prometheus
//
// A component that was never mentioned has no problem: mention those that are still
// to start first. All methods are safe for concurrent use.
type Health struct {
	mux *http.ServeMux

	mu       sync.Mutex
	problems map[string]string
	draining bool
}

// NewHealth makes a Health whose /metrics shows what metrics gathers.
func NewHealth(metrics prometheus.Gatherer) *Health {
	h := &Health{mux: http.NewServeMux(), problems: map[string]string{}}
	h.mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "alive")
	})
	h.mux.HandleFunc("GET /readyz", h.readyz)
	h.mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return h
}

// ServeHTTP answers the three paths.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// SetProblem says what is wrong with a component; "" says that it is well.
func (h *Health) SetProblem(component, problem string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if problem == "" {
		delete(h.problems, component)
		return
	}
	h.problems[component] = problem
}

// Drain makes the service not ready for the rest of its life, so that nobody sends
// it requests while it ends.
func (h *Health) Drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
}

// Problem returns what /readyz answers with 503, or "" when the service is ready.
func (h *Health) Problem() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []string
	if h.draining {
		lines = append(lines, "draining")
	}
	for _, component := range slices.Sorted(maps.Keys(h.problems)) {
		lines = append(lines, component+": "+h.problems[component])
	}
	return strings.Join(lines, "\n")
}

func (h *Health) readyz(w http.ResponseWriter, _ *http.Request) {
	if p := h.Problem(); p != "" {
		http.Error(w, p, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}
