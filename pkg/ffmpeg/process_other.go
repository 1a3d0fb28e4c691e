//go:build !linux

package ffmpeg

import (
	"os"
	"syscall"
)

func widen(*os.File) {}

// childAttr puts a child into its own process group.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
