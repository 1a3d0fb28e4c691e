package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// doProcess tries to make a process in the way that what names, or many threads. It says
// what became of it.
func doProcess(what string) error {
	switch what {
	case "clone":
		return makes(unix.SYS_CLONE, uintptr(unix.SIGCHLD))
	case "clone as posix_spawn":
		return makes(unix.SYS_CLONE, unix.CLONE_VM|unix.CLONE_VFORK|uintptr(unix.SIGCHLD))
	case "clone with a guess":
		guess := uint64(1) << 34
		return makes(unix.SYS_CLONE, uintptr(guess|uint64(unix.SIGCHLD)))
	case "clone3":
		args := [11]uint64{4: uint64(unix.SIGCHLD)}
		defer runtime.KeepAlive(&args)
		return makes(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args))
	case "fork", "vfork":
		nr := uintptr(forks[runtime.GOARCH][map[string]int{"fork": 0, "vfork": 1}[what]])
		return makes(nr)
	case "program":
		path, err := os.Executable()
		if err != nil {
			return err
		}
		cmd := exec.Command(path)
		cmd.Env = []string{deed + "=nothing"}
		return cmd.Run()
	case "threads":
		return manyThreads(100)
	}
	return fmt.Errorf("there is no deed %q", what)
}

// makes calls the system by number. What is a child then ends.
func makes(nr uintptr, args ...uintptr) error {
	var a [2]uintptr
	copy(a[:], args)
	pid, _, errno := unix.RawSyscall(nr, a[0], a[1], 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	fmt.Fprintln(os.Stdout, "made a process")
	return nil
}

// manyThreads has n threads at once, and says how many there were.
func manyThreads(n int) error {
	var ids sync.Map
	var all, out sync.WaitGroup
	all.Add(n)
	for range n {
		out.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ids.Store(unix.Gettid(), true)
			all.Done()
			all.Wait()
		})
	}
	out.Wait()
	count := 0
	ids.Range(func(_, _ any) bool { count++; return true })
	fmt.Fprintln(os.Stdout, count, "threads")
	return nil
}

// A child may have as many threads as it likes, and no child of its own.
func TestProcesses(t *testing.T) {
	held := false
	for name, b := range boxes(t) {
		held = held || b.Processes != ""
		t.Run(name, func(t *testing.T) {
			if out, err := child(t, b, Rules{}, "threads"); err != nil || !strings.Contains(out, "100 threads") {
				t.Errorf("threads: %v %s", err, out)
			}
			tries := map[string]string{
				"clone": "permission denied", "clone3": unix.ENOSYS.Error(), "program": "permission denied",
			}
			if b.Processes != "" { // a raw one of these would share the memory of a Go program
				tries["clone as posix_spawn"] = "permission denied"
			}
			for i, what := range []string{"fork", "vfork"}[:min(len(forks[runtime.GOARCH]), 2)] {
				if i == 0 || b.Processes != "" {
					tries[what] = "permission denied"
				}
			}
			for what, refused := range tries {
				out, err := child(t, b, Rules{}, what)
				if b.Processes == "" {
					if err != nil {
						t.Errorf("%s, where nothing keeps it from that: %v %s", what, err, out)
					}
				} else if err == nil || !strings.Contains(out, refused) {
					t.Errorf("%s: %v %s, want %q", what, err, out, refused)
				}
			}
		})
	}
	if !held {
		t.Error("nothing keeps a child from processes here")
	}
}

// Who guesses has one guess.
func TestPassIsGuessedOnce(t *testing.T) {
	b, _ := Try(t.Context(), self(t), "-test.run=^$")
	out, err := child(t, b, Rules{}, "clone with a guess")
	if err == nil || !strings.Contains(err.Error(), "bad system call") {
		t.Errorf("a wrong guess: %v %s", err, out)
	}
	seen := map[uint32]bool{}
	for range 100 {
		pass := newPass()
		if seen[pass] || pass&3 != 0 || pass == 0 {
			t.Fatalf("pass %x", pass)
		}
		seen[pass] = true
	}
}

// A shell is what a stranger would like to have, and it forks as the C library does.
func TestShellHasNoChildren(t *testing.T) {
	path, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	for processes, want := range map[string]string{"": "me\nchild\n", "seccomp": "me\n"} {
		b := Box{Program: path, Network: "seccomp", Processes: processes}
		cmd := exec.CommandContext(t.Context(), path, "-c", "echo me; (echo child)")
		var out, said strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &said
		ended, err := b.Start(cmd, Rules{FileSize: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		err = cmd.Wait()
		ended()
		if out.String() != want || (err == nil) != (processes == "") {
			t.Errorf("in %s: %v %s %s", strconv.Quote(processes), err, out.String(), said.String())
		}
	}
}
