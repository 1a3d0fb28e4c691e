//go:build !linux

package main

import (
	"errors"
	"syscall"
)

// childAttr keeps signals of the terminal from a child.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// mountSmall needs Linux.
func mountSmall(string, string) error { return errors.New("no small file system without Linux") }

// mountAttr changes nothing without Linux.
func mountAttr(a *syscall.SysProcAttr) *syscall.SysProcAttr { return a }
