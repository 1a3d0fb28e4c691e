package sandbox

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// deed names what the test binary does when it is the child of a test.
const deed = "SANDBOX_TEST_DEED"

func TestMain(m *testing.M) {
	if what, is := os.LookupEnv(deed); is {
		if err := do(what, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	m.Run()
}

// do is what a child tries that strangers have taken over.
func do(what string, args []string) error {
	switch what {
	case "nothing":
		return nil
	case "read":
		b, err := os.ReadFile(args[0])
		_, _ = os.Stdout.Write(b)
		return err
	case "write":
		return os.WriteFile(args[0], []byte("x"), 0o600)
	case "fill":
		f, err := os.Create(args[0])
		for err == nil {
			_, err = f.Write(make([]byte, 1<<16))
		}
		return err
	case "dial":
		c, err := net.Dial(args[0], args[1])
		if err != nil {
			return err
		}
		_, err = c.Write([]byte("x"))
		return err
	case "signal":
		pid, _ := strconv.Atoi(args[0])
		return syscall.Kill(pid, 0)
	case "run":
		return exec.Command(args[0]).Run()
	case "spin":
		for n := 0; ; n++ {
			_ = n
		}
	case "limits":
		for _, r := range []int{unix.RLIMIT_CPU, unix.RLIMIT_FSIZE, unix.RLIMIT_NOFILE, unix.RLIMIT_CORE, unix.RLIMIT_AS} {
			var l unix.Rlimit
			if err := unix.Getrlimit(r, &l); err != nil {
				return err
			}
			fmt.Fprintln(os.Stdout, l.Max)
		}
		return nil
	}
	return doProcess(what)
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// child runs the test binary in a box and returns what it printed.
func child(t *testing.T, b Box, r Rules, what string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), b.Program, args...)
	cmd.Env = []string{deed + "=" + what}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ended, err := b.Start(cmd, r)
	if err != nil {
		t.Fatal(err)
	}
	defer ended()
	err = cmd.Wait()
	return out.String(), err
}

// boxes are the ways in which this machine can restrict the test binary.
func boxes(t *testing.T) map[string]Box {
	t.Helper()
	all := map[string]Box{}
	for _, b := range available(self(t)) {
		if _, err := child(t, b, Rules{}, "nothing"); err != nil {
			t.Logf("not here: %s: %v", b.kept(), err)
			continue
		}
		all[b.kept()] = b
	}
	if len(all) == 0 {
		t.Fatal("nothing can be restricted here")
	}
	return all
}

// landlock is the version of Landlock that is in force, 0 for none.
func landlock(t *testing.T, b Box) (version int) {
	t.Helper()
	if b.Files != "" {
		if _, err := fmt.Sscanf(b.Files, "landlock %d", &version); err != nil {
			t.Fatalf("%q: %v", b.Files, err)
		}
	}
	return version
}

func put(t *testing.T, path string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte("the content"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFiles(t *testing.T) {
	for name, b := range boxes(t) {
		t.Run(name, func(t *testing.T) {
			dir, scratch := t.TempDir(), t.TempDir()
			secret, input := put(t, filepath.Join(dir, "secret")), put(t, filepath.Join(dir, "input"))
			link := filepath.Join(scratch, "link")
			if err := os.Symlink(secret, link); err != nil {
				t.Fatal(err)
			}
			rules := Rules{Read: []string{input, filepath.Join(dir, "is not there")}, Write: []string{scratch}, FileSize: 1 << 20}
			may := func(want bool, what string, args ...string) {
				t.Helper()
				out, err := child(t, b, rules, what, args...)
				if (err == nil) != want {
					t.Errorf("%s %v: %v %s", what, args, err, out)
				}
				if want && what == "read" && args[0] == input && out != "the content" {
					t.Errorf("%s %v: %q", what, args, out)
				}
				if !want && strings.Contains(out, "the content") {
					t.Errorf("%s %v tells the secret", what, args)
				}
			}
			may(true, "read", input)
			may(true, "write", filepath.Join(scratch, "out"))
			may(true, "read", filepath.Join(scratch, "out"))
			open := b.Files == ""
			may(open, "read", secret)
			may(open, "read", link)
			may(open, "read", "/etc/passwd")
			may(open && b.Network != "namespace", "read", "/proc/"+strconv.Itoa(os.Getpid())+"/environ")
			may(open, "write", input)
			may(open, "write", filepath.Join(dir, "new"))
			may(open && b.Processes == "", "run", "/bin/sh")
			may(open || landlock(t, b) < 7, "signal", strconv.Itoa(os.Getpid()))
			may(false, "fill", filepath.Join(scratch, "large"))
		})
	}
}

func TestNetwork(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	socket := filepath.Join(t.TempDir(), "socket")
	local, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	udp, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for name, b := range boxes(t) {
		t.Run(name, func(t *testing.T) {
			for network, addr := range map[string]string{"tcp": ln.Addr().String(), "udp": udp.LocalAddr().String(), "unix": socket} {
				out, err := child(t, b, Rules{}, "dial", network, addr)
				reached := err == nil
				want := b.Network == "" || b.Network == "namespace" && network != "tcp"
				if network == "tcp" && landlock(t, b) >= 4 {
					want = false
				}
				if network == "udp" && b.Network == "namespace" {
					continue // the packet goes out, to nobody
				}
				if reached != want {
					t.Errorf("%s to %s: reached %t, want %t: %s", network, addr, reached, want, out)
				}
			}
		})
	}
}

func TestLimits(t *testing.T) {
	plain := Box{Program: self(t), Limits: "prlimit"}
	if _, err := child(t, plain, Rules{CPU: time.Second}, "spin"); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("a child that never ends: %v", err)
	}
	want := []string{strconv.Itoa(int(DefaultCPU / time.Second)), "4096", strconv.Itoa(openFiles), "0", strconv.FormatUint(addressSpace(), 10)}
	// The limits are put on a child that runs already, so it is asked until it has them.
	deadline := time.Now().Add(20 * time.Second)
	for {
		out, err := child(t, plain, Rules{FileSize: 4096}, "limits")
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Fields(out); strings.Join(got, " ") == strings.Join(want, " ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("limits %s, want %v", out, want)
		}
	}
}

// Whoever starts children must be as free as before.
func TestParentStaysFree(t *testing.T) {
	b, _ := Try(t.Context(), self(t), "-test.run=^$")
	if !b.Full() || b.Lacks != "" {
		t.Logf("in force here: %+v", b)
	}
	for range 50 {
		if _, err := child(t, b, Rules{}, "nothing"); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(t.TempDir(), "file"))
		ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = ln.Close()
	}
}

func TestProgramsThatAreNone(t *testing.T) {
	script := filepath.Join(t.TempDir(), "ffmpeg")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec true\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if b, _ := Try(t.Context(), script, "-version"); b.Files != "" || b.Processes != "" || b.Network == "" || !strings.Contains(b.Lacks, "no program of its own") {
		t.Errorf("a script is in %+v", b)
	}
	if b, _ := Try(t.Context(), filepath.Join(t.TempDir(), "none"), "-version"); b.Files != "" || b.Network != "" || b.Lacks == "" {
		t.Errorf("nothing is in %+v", b)
	}
}

func BenchmarkStart(b *testing.B) {
	program, err := exec.LookPath("true")
	if err != nil {
		b.Fatal(err)
	}
	for _, box := range []Box{{Program: program}, available(program)[0], available(program)[1], available(program)[2]} {
		b.Run(box.kept(), func(b *testing.B) {
			for b.Loop() {
				cmd := exec.CommandContext(b.Context(), program)
				ended, err := box.Start(cmd, Rules{})
				if err != nil {
					b.Fatal(err)
				}
				if err := cmd.Wait(); err != nil {
					b.Fatal(err)
				}
				ended()
			}
		})
	}
}
