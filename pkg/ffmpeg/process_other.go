//go:build !linux

package ffmpeg

import (
	"os"
	"syscall"
)

func widen(*os.File) {}

// childAttr puts a child into its own process group.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// peakOf tells nothing: systems differ in the unit.
func peakOf(*os.ProcessState) int64 { return 0 }

// usageOf tells nothing: there is no proc(5).
func usageOf(int) (usage, bool) { return usage{}, false }
