package sandbox

import (
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// available returns what may be in force for a program, the most restrictive first.
func available(program string) []Box {
	full := Box{Program: program, Limits: "prlimit"}
	loader, err := loaderOf(program)
	if abi, noABI := ll.LandlockGetABIVersion(); err != nil {
		full.Lacks = program + " is no program of its own, so what it reads and starts is not known"
	} else if noABI != nil || abi < 1 {
		full.Lacks = "the kernel has no Landlock"
	} else {
		full.Files, full.system = fmt.Sprintf("landlock %d", abi), system(program, loader)
	}
	namespace := full
	namespace.Network = "namespace"
	if filtered && unix.Prctl(unix.PR_GET_SECCOMP, 0, 0, 0, 0) == nil {
		full.Network = "seccomp"
		if err == nil {
			full.Processes = "seccomp"
		}
	} else {
		full.Network = "namespace"
	}
	manyProcesses, noNetwork := full, full
	manyProcesses.Processes, noNetwork.Processes, noNetwork.Network = "", "", ""
	noFiles, namespaceOnly := full, namespace
	noFiles.Files, namespaceOnly.Files = "", ""
	return []Box{full, manyProcesses, namespace, noFiles, namespaceOnly, noNetwork}
}

// loaderOf returns the program that loads another one's libraries, "" for one that is
// linked statically.
func loaderOf(program string) (string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			text, err := io.ReadAll(p.Open())
			return strings.TrimRight(string(text), "\x00"), err
		}
	}
	return "", nil
}

// Start starts a prepared command under the rules. The caller waits for the command and
// then calls ended, exactly once, also when the command was killed.
func (b Box) Start(cmd *exec.Cmd, r Rules) (ended func(), err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	if b.Network == "namespace" {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER | unix.CLONE_NEWNET
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	}
	var pass uint32
	if b.Processes != "" {
		pass = newPass()
		cmd.SysProcAttr.Cloneflags |= uintptr(uint64(pass) << 32)
		askForPidfd()
	}
	started, over := make(chan error), make(chan struct{})
	go func() {
		// Never unlocked: the runtime ends the thread with this goroutine, and starts no
		// other thread from it. It stays as long as the child does, for Pdeathsig is about
		// the thread that forked.
		runtime.LockOSThread()
		err := b.restrict(r, pass)
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			<-over
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	b.limit(cmd.Process.Pid, r)
	return func() { close(over) }, nil
}

// askForPidfd has the standard library find out, once, whether a fork can give a file
// descriptor of the child. It does so by a fork of its own, which must not be tried by a
// thread that may make one child only: "no" would count for the whole process.
var askForPidfd = sync.OnceFunc(func() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Release()
	}
})

// restrict puts the restrictions on this thread, and so on what it forks.
func (b Box) restrict(r Rules, pass uint32) error {
	if b.Files == "" && b.Network != "seccomp" {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("restrict a child: %w", err)
	}
	if b.Files != "" {
		if err := b.restrictFiles(r); err != nil {
			return fmt.Errorf("restrict a child's files: %w", err)
		}
	}
	if b.Network == "seccomp" {
		if err := filterSyscalls(pass); err != nil {
			return fmt.Errorf("restrict a child's system calls: %w", err)
		}
	}
	return nil
}

// limit bounds what a child uses up. It runs already, for microseconds: a process's
// limits are its own, so there is no thread to put them on before. A child that has ended
// has no use for them. RLIMIT_NPROC is not among them: the kernel counts what a user has
// running, and not what a child has.
func (b Box) limit(pid int, r Rules) {
	cpu := r.CPU
	if cpu == 0 {
		cpu = DefaultCPU
	}
	for resource, most := range map[int]uint64{
		unix.RLIMIT_CPU: uint64(cpu / time.Second), unix.RLIMIT_FSIZE: r.FileSize,
		unix.RLIMIT_NOFILE: openFiles, unix.RLIMIT_CORE: 0, unix.RLIMIT_AS: addressSpace(),
	} {
		if resource == unix.RLIMIT_FSIZE && most == 0 && b.Files == "" {
			continue // a script may have files of its own to write
		}
		var now unix.Rlimit
		if unix.Prlimit(pid, resource, nil, &now) == nil && now.Max < most {
			most = now.Max
		}
		_ = unix.Prlimit(pid, resource, &unix.Rlimit{Cur: most, Max: most}, nil)
	}
}

// addressSpace is what a child may map, in bytes: as much as the machine has memory, and
// some more.
func addressSpace() uint64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return unix.RLIM_INFINITY
	}
	return uint64(info.Totalram)*uint64(info.Unit) + spare //nolint:unconvert // 32 bits on some machines
}

const (
	mayRead  = ll.AccessFSReadFile | ll.AccessFSReadDir
	mayExec  = ll.AccessFSReadFile | ll.AccessFSExecute
	mayWrite = mayRead | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSMakeReg | ll.AccessFSRemoveFile
	// ofFile is what can be allowed for a path that is no directory.
	ofFile = ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSExecute | ll.AccessFSTruncate
)

// system is what a program needs to run at all: itself, its libraries, and what those
// ask of the machine. /etc, /home and /proc are not in it but for single files.
func system(program, loader string) []grant {
	grants := []grant{{program, mayExec}, {"/dev/null", mayWrite}}
	if loader != "" {
		grants = append(grants, grant{loader, mayExec})
	}
	home := program
	if resolved, err := filepath.EvalSymlinks(program); err == nil {
		home = resolved
	}
	read := []string{
		"/usr", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store", "/etc/ld.so.cache", "/etc/localtime",
		"/dev/zero", "/dev/random", "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat",
		"/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu", "/sys/devices/system/node",
		filepath.Join(filepath.Dir(filepath.Dir(home)), "lib"),
	}
	for _, dir := range filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")) {
		if filepath.IsAbs(dir) {
			read = append(read, dir)
		}
	}
	for _, path := range read {
		grants = append(grants, grant{path, mayRead})
	}
	return grants
}
