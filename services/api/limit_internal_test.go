package api

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/auth"
)

func TestWhoIsOneClient(t *testing.T) {
	of := func(addr string, who auth.Principal, known bool) string {
		return clientOf(&http.Request{RemoteAddr: addr}, who, known)
	}
	none := auth.Principal{}
	for _, same := range [][2]string{
		{"[2001:db8:1:2::1]:80", "[2001:db8:1:2:ffff::9]:81"}, {"[fe80::1%eth0]:1", "[fe80::2%eth1]:2"}, {"192.0.2.1:80", "192.0.2.1:81"}, {"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.1]:2"},
	} {
		if a, b := of(same[0], none, false), of(same[1], none, false); a != b {
			t.Errorf("%v are %s and %s", same, a, b)
		}
	}
	for _, differ := range [][2]string{{"[2001:db8:1:2::1]:80", "[2001:db8:1:3::1]:80"}, {"192.0.2.1:80", "192.0.2.2:80"}, {"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1"}} {
		if a, b := of(differ[0], none, false), of(differ[1], none, false); a == b {
			t.Errorf("%v are both %s", differ, a)
		}
	}
	ann, bob := auth.Principal{Tenant: "films", Name: "ann"}, auth.Principal{Tenant: "films", Name: "bob"}
	if of("192.0.2.1:80", ann, true) != of("192.0.2.2:80", ann, true) || of("192.0.2.1:80", ann, true) == of("192.0.2.1:80", bob, true) {
		t.Error("those with a token are not told apart by it")
	}
}

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
