// Package faultpoint lets a test kill a service at a chosen step.
//
// A service passes its fault points by name, one before and one after each side effect
// that others can see:
//
//	faultpoint.Hit("muxer.before-cas")
//
// A process in whose environment [Env] is NAME=FILE kills itself with SIGKILL at the
// point NAME, unless FILE exists, and makes FILE first: once per file, so that the
// process that is started in its place passes. In all other processes a point costs the
// comparison of two strings.
package faultpoint

import (
	"os"
	"strings"
)

// Env names the variable. It has not the prefix REWEAVE_, under which unknown variables
// are errors: it is no setting, and nobody sets it by mistake.
const Env = "_REWEAVE_FAULTPOINT"

// chosen and marker are the point and the file of this process.
var chosen, marker, _ = strings.Cut(os.Getenv(Env), "=")

// Hit kills this process when name is the chosen point and its file does not exist yet.
func Hit(name string) {
	if chosen == "" || name != chosen {
		return
	}
	f, err := os.OpenFile(marker, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil { // it was hit before
		return
	}
	f.Close()
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		_ = p.Kill()
	}
	select {} // the signal is on its way
}
