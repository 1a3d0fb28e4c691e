package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestS3ProxyHarms sends a PUT through each verdict and looks what came to the server, and
// what came back.
func TestS3ProxyHarms(t *testing.T) {
	const body = "0123456789"
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil {
			got = append(got, r.Host+" "+string(b))
		}
		_, _ = io.WriteString(w, "stored")
	}))
	p, err := newS3Proxy()
	if err != nil {
		t.Fatal(err)
	}
	p.lead(strings.TrimPrefix(s.URL, "http://"))
	for _, c := range []struct {
		verdict  verdict
		arrives  bool
		answered string // "" for a broken connection
	}{{pass, true, "200 stored"}, {slowDown, false, "503 <Error>"}, {lost, true, ""}, {torn, false, ""}, {pass, true, "200 stored"}} {
		got = nil
		p.harm(func(*http.Request) verdict { return c.verdict })
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+p.addr()+"/bucket/key", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.GetBody, req.Close = nil, true // so that the client does not send it again
		answer := ""
		if res, err := http.DefaultClient.Do(req); err == nil {
			b, rerr := io.ReadAll(res.Body)
			if err := errors.Join(rerr, res.Body.Close()); err != nil {
				t.Error(err)
			}
			answer = res.Status[:4] + string(b[:min(len(b), 7)])
		}
		if answer != c.answered {
			t.Errorf("verdict %d: answered %q, want %q", c.verdict, answer, c.answered)
		}
		if want := p.addr() + " " + body; (len(got) == 1 && got[0] == want) != c.arrives || len(got) > 1 {
			t.Errorf("verdict %d: %q came to the server", c.verdict, got)
		}
	}
	if n := p.harmed.Load(); n != 3 {
		t.Errorf("%d requests were harmed", n)
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
	s.Close()
}

// TestSoaksRepeat draws what rounds do twice from one seed.
func TestSoaksRepeat(t *testing.T) {
	draw := func(seed uint64, round int) (names string) {
		rng := roundOf(seed, round)
		for range 20 {
			names += harms[rng.IntN(len(harms))].name
		}
		return names
	}
	again := draw(7, 3)
	if draw(7, 3) != again || draw(7, 3) == draw(7, 4) || draw(7, 3) == draw(8, 3) {
		t.Error("a round is not what its seed and number make it")
	}
}
