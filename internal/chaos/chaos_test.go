package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if serveMaybe() {
		return
	}
	var err error
	if binaries, err = os.MkdirTemp("", "reweave-chaos-bin-"); err != nil {
		panic(err)
	}
	m.Run()                    // the testing package takes the exit code from m
	_ = os.RemoveAll(binaries) // the system's directory for temporary files is swept anyhow
}

var (
	building sync.Once
	binaries string
)

// built returns the directory with the services, built once for all tests.
func built(t *testing.T) string {
	t.Helper()
	building.Do(func() {
		for _, s := range []string{"api", "splitter", "encoder", "muxer"} {
			build := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", filepath.Join(binaries, "reweave-"+s), "./cmd/"+s)
			build.Dir = filepath.Join("..", "..", "services", s)
			if said, err := build.CombinedOutput(); err != nil {
				t.Fatalf("build %s: %v\n%s", s, err, said)
			}
		}
	})
	return binaries
}

// TestFaultsLeaveNoMark is the short run: some faults of each kind.
func TestFaultsLeaveNoMark(t *testing.T) {
	bin := built(t)
	var table, said bytes.Buffer
	if err := run(t.Context(), []string{"-bin", bin, "-short"}, &table, &said); err != nil {
		t.Errorf("%v\n%s%s", err, &said, &table)
	}
	if n := strings.Count(table.String(), "| ok"); n != len(picked("", true)) {
		t.Errorf("%d faults left no mark, want %d\n%s", n, len(picked("", true)), &table)
	}
}

// TestTheChecksBite makes a table of a fault that left a mark.
func TestTheChecksBite(t *testing.T) {
	var out bytes.Buffer
	printTable(&out, []row{{name: "a", times: 2, redone: 3, max: 2, err: errors.New("one\ntwo")}}, time.Second)
	if !strings.Contains(out.String(), "| a     | 2        | 3              | 2       | 0       | FAILED: one; two |") {
		t.Error(out.String())
	}
}

func TestEncodesAreCounted(t *testing.T) {
	w := &world{dir: t.TempDir()}
	text := "01J-v0-1\n01J-v3-2\n01J-v3-3\n01J-a0-9\n01K-v0-1\n"
	if err := w.tell("encodes", text); err != nil {
		t.Fatal(err)
	}
	n, err := w.encodes("01J")
	if err != nil || len(n) != 3 || n["v3"] != 2 || n["a0"] != 1 {
		t.Errorf("counted %v, %v", n, err)
	}
	if n, err := w.redone("01J", "01K"); err != nil || n != 1 {
		t.Errorf("%d redone, want 1; %v", n, err)
	}
}

// TestProxyHarms passes a line through the proxy before, while and after it is cut.
func TestProxyHarms(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			c, broken := echo.Accept()
			if broken != nil {
				return
			}
			go func() { defer c.Close(); b := make([]byte, 4); n, _ := c.Read(b); _, _ = c.Write(b[:n]) }()
		}
	}()
	p, err := newProxy()
	if err != nil {
		t.Fatal(err)
	}
	p.lead(echo.Addr().String())
	ask := func() string {
		c, err := net.Dial("tcp", p.addr())
		if err != nil {
			return err.Error()
		}
		defer c.Close()
		_, _ = c.Write([]byte("ping"))
		b := make([]byte, 4)
		n, _ := c.Read(b)
		return string(b[:n])
	}
	if got := ask(); got != "ping" {
		t.Errorf("got %q through the whole proxy", got)
	}
	p.cut()
	if got := ask(); got != "" {
		t.Errorf("got %q through the cut proxy", got)
	}
	p.mend()
	if got := ask(); got != "ping" {
		t.Errorf("got %q through the mended proxy", got)
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
}

func TestDamageKeepsTheFile(t *testing.T) {
	w := &world{dir: t.TempDir()}
	path := filepath.Join(w.dir, "objects", "reweave", "plan.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	const plan = `{"times":[1360,40,15],"b":"x2"}`
	for _, tc := range []struct {
		harm func(string) error
		want string
	}{{w.flip, `{"times":[1370,40,15],"b":"x2"}`}, {w.truncate, `{"times":[1360,40,15],"b":"x2"`}} {
		if err := os.WriteFile(path, []byte(plan), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := tc.harm("plan.json"); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); string(got) != tc.want {
			t.Errorf("got %s, want %s", got, tc.want)
		}
	}
}

// TestDenialsAreFound reads logs as services write them.
func TestDenialsAreFound(t *testing.T) {
	w := &world{dir: t.TempDir(), services: map[string]*service{"encoder0": {}}}
	if err := os.Mkdir(filepath.Join(w.dir, "log"), 0o700); err != nil {
		t.Fatal(err)
	}
	for line, denied := range map[string]bool{
		"WARN\tencoder.nats\tNATS reports an error\t{\"error\": \"nats: permissions violation: Permissions Violation for Publish to \\\"jobq.normal.A\\\"\"}": true,
		"WARN\tencoder\ttask failed\t{\"error\": \"store chunk: put object chunks/a: the object store refused the request\"}":                                 true,
		"WARN\tencoder\ttask failed\t{\"error\": \"stat object chunks/a: the object store is in trouble: 503 Service Unavailable\"}":                          false,
	} {
		if err := os.WriteFile(filepath.Join(w.dir, "log", "encoder0.log"), []byte("INFO\tencoder\tconnected\n"+line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := w.undenied(); (err != nil) != denied {
			t.Errorf("%s: %v", line, err)
		}
	}
}
