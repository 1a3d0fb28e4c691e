package embed_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/embed"
)

// helperEnv makes the test binary a process that starts a stack on a directory,
// says so, and waits to be killed.
const helperEnv = "EMBED_TEST_HELPER"

func helper(dir string) {
	_, err := embed.Start(context.Background(), embed.Options{Dir: dir})
	if err != nil {
		fmt.Println("start:", err)
		os.Exit(1)
	}
	fmt.Println("ready")
	select {}
}

// serving returns the processes whose working directory says that they serve dir.
func serving(t *testing.T, dir string) (pids []int) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if cwd, err := os.Readlink(l); err == nil && cwd == filepath.Join(dir, "objects") {
			pid, _ := strconv.Atoi(strings.Split(l, "/")[2]) // the pattern has digits only
			pids = append(pids, pid)
		}
	}
	return pids
}

func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-poll.C:
		}
	}
}

func TestAKilledParentLeavesNoChild(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), helperEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
			t.Fatalf("the helper says %q, %v", line, err)
		}
		if pids := serving(t, dir); len(pids) != 1 {
			t.Fatalf("%v serve %s, want one child", pids, dir)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		await(t, "the end of the child", func() bool { return len(serving(t, dir)) == 0 })
	}
	// The dead process's lock and what it said about itself don't matter.
	put(t, connect(t, start(t, embed.Options{Dir: dir})), "a", "b")
}

func TestADeadChildIsReplaced(t *testing.T) {
	dir := t.TempDir()
	s := start(t, embed.Options{Dir: dir})
	st := connect(t, s)
	put(t, st, "a", "kept")
	kill(t, dir)
	want(t, st, "a", "kept") // the client's retries bridge the gap
}

func TestAChildThatKeepsDyingIsReported(t *testing.T) {
	dir := t.TempDir()
	s := start(t, embed.Options{Dir: dir})
	for {
		select {
		case err := <-s.Failed():
			if !strings.Contains(err.Error(), "killed") {
				t.Errorf("it says %v", err)
			}
			return
		case <-t.Context().Done():
			t.Fatal("it was never reported")
		default:
			for _, pid := range serving(t, dir) {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may be dead already
			}
		}
	}
}

func TestTheChildIgnoresTheTerminal(t *testing.T) {
	dir := t.TempDir()
	s := start(t, embed.Options{Dir: dir})
	st := connect(t, s)
	before := serving(t, dir)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if err := syscall.Kill(before[0], sig); err != nil {
			t.Fatal(err)
		}
	}
	put(t, st, "a", "b")
	if after := serving(t, dir); len(after) != 1 || after[0] != before[0] {
		t.Errorf("the child was %v and is %v", before, after)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left := serving(t, dir); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

func kill(t *testing.T, dir string) {
	t.Helper()
	pids := serving(t, dir)
	if len(pids) != 1 {
		t.Fatalf("%v serve %s", pids, dir)
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
