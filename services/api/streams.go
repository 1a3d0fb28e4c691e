package api

import (
	"net/http"
	"sync"
	"time"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/job"
)

// streamAfter is when a client with too many open streams may ask again: whoever closes
// one has room at once.
const streamAfter = 5 * time.Second

// streams bounds how many streams of events a client has open at once: they last, so the
// rate of its requests does not bound them.
type streams struct {
	most int

	mu   sync.Mutex
	open map[string]int
}

func newStreams(most int) *streams { return &streams{most: most, open: map[string]int{}} }

// enter takes room for a stream, where there is some, until leave is called.
func (s *streams) enter(client string) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most > 0 && s.open[client] >= s.most {
		return nil, false
	}
	s.open[client]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[client]--; s.open[client] <= 0 {
			delete(s.open, client)
		}
	}, true
}

// maySee reports whether whoever made a request may still follow a job: a stream lasts
// longer than a token may.
func (s *Server) maySee(r *http.Request, j job.Job) bool {
	who, known := s.identify(r)
	return known && who.May(auth.Read) && who.Sees(j.Tenant)
}
