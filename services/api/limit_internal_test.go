package api

import (
	"fmt"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	now := time.Unix(1000, 0)
	l := newLimiter(0.5, 3)
	l.now = func() time.Time { return now }
	for i := range 3 {
		if d := l.wait("a"); d != 0 {
			t.Fatalf("request %d has to wait %v", i, d)
		}
	}
	if d := l.wait("a"); d != 2*time.Second {
		t.Errorf("the fourth request at once has to wait %v, want 2s", d)
	}
	if l.wait("b") != 0 {
		t.Error("one client slows another one down")
	}
	now = now.Add(2 * time.Second)
	if one, more := l.wait("a"), l.wait("a"); one != 0 || more == 0 {
		t.Error("after 2 s there is not just one request more")
	}
	for i := range 1000 {
		l.wait(fmt.Sprint("client ", i))
	}
	now = now.Add(time.Minute)
	l.wait("a")
	if len(l.clients) != 1 {
		t.Errorf("%d clients are remembered, want the one that asked last", len(l.clients))
	}
	off := newLimiter(0, 0)
	for range 2 {
		if off.wait("a") != 0 {
			t.Error("without a limit there is one")
		}
	}
}
