package mediatest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Await waits until cond holds, and fails the test when it does not in time. what
// completes the sentence "waited in vain for …".
func Await(t testing.TB, timeout time.Duration, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !cond() {
		select {
		case <-deadline.C:
			if !cond() {
				t.Fatalf("waited %s in vain for %s", timeout, what)
			}
			return
		case <-poll.C:
		}
	}
}

// NoLeaks fails the test when it leaves a child process or a goroutine that runs, or
// waits for, one. It is called first, and by no test that runs in parallel.
func NoLeaks(t testing.TB) {
	t.Helper()
	t.Cleanup(func() {
		var left []string
		clean := func() bool { left = append(Children(t), goroutines()...); return len(left) == 0 }
		deadline := time.NewTimer(5 * time.Second)
		defer deadline.Stop()
		poll := time.NewTicker(5 * time.Millisecond)
		defer poll.Stop()
		for !clean() {
			select {
			case <-deadline.C:
				t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
				return
			case <-poll.C:
			}
		}
	})
}

// Children lists the child processes of this one, dead ones that nobody waited for
// included.
func Children(t testing.TB) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Fatalf("list processes: %d found, %v", len(stats), err)
	}
	var out []string
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		// "pid (name) state ppid …": the name may hold anything, so cut behind its end.
		_, rest, _ := strings.Cut(string(b[strings.LastIndexByte(string(b), ')'):]), " ")
		var state string
		var parent int
		if _, err := fmt.Sscan(rest, &state, &parent); err == nil && parent == os.Getpid() {
			out = append(out, strings.TrimSpace(string(b[:min(len(b), 60)])))
		}
	}
	return out
}

// goroutines lists those that have to do with children: ours, and os/exec's.
func goroutines() []string {
	b := make([]byte, 1<<20)
	var out []string
	for stack := range strings.SplitSeq(string(b[:runtime.Stack(b, true)]), "\n\n") {
		if strings.Contains(stack, "testing.tRunner(") || strings.Contains(stack, "testing.(*T).Run(") {
			continue
		}
		if strings.Contains(stack, "os/exec.") || strings.Contains(stack, "reweave/pkg/") {
			out = append(out, stack)
		}
	}
	return out
}
