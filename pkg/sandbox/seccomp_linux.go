package sandbox

import (
	"crypto/rand"
	"encoding/binary"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arches are the architectures that the filter is written for, by Go's names.
var arches = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// filtered says that there is a filter for this machine.
var filtered = arches[runtime.GOARCH] != 0

// denied are the system calls that a child gets EACCES for. The first three are all the
// ways to a socket, a ring being one that goes around filters; the others look into or
// change other processes, the kernel, or what is mounted.
var denied = []uint32{
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_IO_URING_SETUP,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_SETNS, unix.SYS_UNSHARE,
	unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_KEXEC_LOAD,
}

// forks are the system calls that make a process and have no flags, by Go's names of
// architectures; where there are none, the C library calls clone.
var forks = map[string][]uint32{"amd64": {57, 58}} // fork, vfork

// Offsets into struct seccomp_data, see seccomp(2). The first argument is in two halves,
// the lower one first on all of arches.
const (
	offsetNumber, offsetArch         = 0, 4
	offsetLowerArg0, offsetUpperArg0 = 16, 20
	// x32 marks the system calls of x86-64's other ABI, which would go around the list.
	x32 = 0x40000000
)

// refuse is the answer to what a child may not do.
const refuse = uint32(unix.SECCOMP_RET_ERRNO | unix.EACCES)

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func jump(test uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | test | unix.BPF_K, K: k, Jt: yes, Jf: no}
}

func answer(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }

// filter is the program of the filter, in classic BPF. With a pass it lets no process be
// made but by who shows the pass; 0 is for none.
func filter(pass uint32) []unix.SockFilter {
	p := []unix.SockFilter{
		load(offsetArch),
		jump(unix.BPF_JEQ, arches[runtime.GOARCH], 1, 0),
		answer(unix.SECCOMP_RET_KILL_PROCESS),
		load(offsetNumber),
		jump(unix.BPF_JGE, x32, 0, 1),
		answer(refuse),
	}
	no := denied
	if pass != 0 {
		p = append(p, filterProcesses(pass)...)
		no = slices.Concat(denied, forks[runtime.GOARCH])
	}
	for _, nr := range no {
		p = append(p, jump(unix.BPF_JEQ, nr, 0, 1), answer(refuse))
	}
	return append(p, answer(unix.SECCOMP_RET_ALLOW))
}

// filterProcesses goes on where the number of the call is loaded, and leaves it so. clone
// makes threads, or what shows the pass; whoever shows a wrong one is killed, so that there
// is one guess and no more. The arguments of clone3 are in memory, where no filter sees
// them: it is as on a kernel that lacks it, on which libraries use clone.
func filterProcesses(pass uint32) []unix.SockFilter {
	clone := []unix.SockFilter{
		load(offsetLowerArg0),
		jump(unix.BPF_JSET, unix.CLONE_THREAD, 4, 0),
		load(offsetUpperArg0),
		jump(unix.BPF_JEQ, pass, 2, 0),
		jump(unix.BPF_JEQ, 0, 2, 0),
		answer(unix.SECCOMP_RET_KILL_PROCESS),
		answer(unix.SECCOMP_RET_ALLOW),
		answer(refuse),
	}
	p := append([]unix.SockFilter{jump(unix.BPF_JEQ, unix.SYS_CLONE, 0, uint8(len(clone)))}, clone...)
	return append(p, jump(unix.BPF_JEQ, unix.SYS_CLONE3, 0, 1), answer(uint32(unix.SECCOMP_RET_ERRNO|unix.ENOSYS)))
}

// newPass returns what lets this thread fork once it has the filter: a secret of 29 bits,
// for the upper half of the flags of clone, which the kernel ignores and a filter sees. The
// lowest two bits of that half are left alone: some versions took those for flags.
func newPass() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint32(b[:])&^3 | 1<<31
}

// filterSyscalls puts the filter on this thread and what it forks.
func filterSyscalls(pass uint32) error {
	p := filter(pass)
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]} //nolint:gosec // some dozens
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
	runtime.KeepAlive(p)
	return err
}
