package api

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiter bounds how many requests each client makes. A client that made none for a
// while is forgotten: its bucket would be full again.
type limiter struct {
	rate  rate.Limit
	burst int
	now   func() time.Time

	mu      sync.Mutex
	clients map[string]*bucket
	swept   time.Time
}

type bucket struct {
	*rate.Limiter
	used time.Time
}

// newLimiter allows perSecond requests of each client, and burst at once; 0 is no limit.
func newLimiter(perSecond float64, burst int) *limiter {
	return &limiter{rate: rate.Limit(perSecond), burst: max(burst, 1), now: time.Now, clients: map[string]*bucket{}}
}

// wait returns 0 when a client may ask now, and else after how long it may.
func (l *limiter) wait(client string) time.Duration {
	if l.rate <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.sweep(now)
	b := l.clients[client]
	if b == nil {
		b = &bucket{Limiter: rate.NewLimiter(l.rate, l.burst)}
		l.clients[client] = b
	}
	b.used = now
	if b.AllowN(now, 1) {
		return 0
	}
	return time.Duration(math.Ceil(1/float64(l.rate))) * time.Second
}

// sweep forgets the clients whose buckets are full again, once in the time that takes.
func (l *limiter) sweep(now time.Time) {
	full := time.Duration(float64(l.burst)/float64(l.rate)*float64(time.Second)) + time.Second
	if now.Sub(l.swept) < full {
		return
	}
	l.swept = now
	for name, b := range l.clients {
		if now.Sub(b.used) >= full {
			delete(l.clients, name)
		}
	}
}

// slowDown answers a client that asks too often.
func slowDown(w http.ResponseWriter, after time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(after/time.Second)))
	writeProblem(w, http.StatusTooManyRequests, "")
}
