package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// mountSmall puts a file system of its own over dir, of so many bytes as size says for
// mount. It is seen by this process alone and ends with it. SIGUSR1 makes it as good as
// full, but for a few KiB, and SIGUSR2 large again.
func mountSmall(dir, size string) error {
	// Whoever may mount needs no user namespace, which not every kernel gives.
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		return fmt.Errorf("mount a small file system: %w", err)
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for s := range told {
			now := size
			if s == syscall.SIGUSR1 {
				var st syscall.Statfs_t
				if err := syscall.Statfs(dir, &st); err != nil {
					fmt.Fprintln(os.Stderr, "statfs:", err)
				}
				now = fmt.Sprint((st.Blocks-st.Bfree)*uint64(st.Bsize) + fewBytes) //nolint:gosec // sizes
			}
			err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size="+now)
			fmt.Fprintln(os.Stderr, "the file system has", now, "bytes now:", err)
		}
	}()
	return nil
}

// fewBytes are left of a file system that is made full.
const fewBytes = 8 << 10

// mountAttr gives a child a user and a mount namespace of its own, to mount in.
func mountAttr(a *syscall.SysProcAttr) *syscall.SysProcAttr {
	a.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	return a
}
