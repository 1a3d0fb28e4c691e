package ffmpeg

import (
	"os"
	"syscall"
)

// pipeSize lets a frame of film pass through a pipe in few steps; the kernel grants
// an unprivileged process up to a megabyte.
const pipeSize = 1 << 20

const fSetPipeSize = 1031 // F_SETPIPE_SZ of fcntl(2)

// widen makes a pipe hold more. Where the kernel refuses, it is only slower.
func widen(f *os.File) {
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), fSetPipeSize, pipeSize)
}

// childAttr puts a child into its own process group and has the kernel kill it when
// we die.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// peakOf reads the peak resident set, which Linux tells in KiB (getrusage(2)).
func peakOf(p *os.ProcessState) int64 {
	if u, ok := p.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss << 10
	}
	return 0
}
