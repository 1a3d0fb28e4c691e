package faultpoint_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/faultpoint"
)

// role marks the process that passes two points instead of running tests.
const role = "FAULTPOINT_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(role) == "" {
		m.Run() // the testing package takes the exit code from m
		return
	}
	for _, name := range []string{"a.before", "a.after"} {
		faultpoint.Hit(name)
		fmt.Fprintln(os.Stdout, name)
	}
}

func TestHitKillsOnce(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "marker")
	for _, tc := range []struct {
		env, passed string
		killed      bool
	}{
		{"", "a.before a.after", false},
		{"b.other=" + marker, "a.before a.after", false},
		{"a.after=" + marker, "a.before", true},
		{"a.after=" + marker, "a.before a.after", false}, // the marker is there
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = []string{role + "=1", faultpoint.Env + "=" + tc.env}
		out, err := cmd.Output()
		if got := strings.Join(strings.Fields(string(out)), " "); got != tc.passed {
			t.Errorf("%q: passed %q, want %q", tc.env, got, tc.passed)
		}
		exit, _ := errors.AsType[*exec.ExitError](err)
		if killed := exit != nil && exit.ExitCode() == -1; killed != tc.killed {
			t.Errorf("%q: ended with %v, killed %v, want %v", tc.env, err, killed, tc.killed)
		}
	}
}
