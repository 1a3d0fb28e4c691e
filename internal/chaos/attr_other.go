//go:build !linux

package main

import "syscall"

// childAttr keeps signals of the terminal from a child.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
