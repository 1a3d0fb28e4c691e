// Command testsum reads what "go test -json" prints and tells it in short: a line for
// each package, the output of each test that failed or was skipped, and at the end the
// plain line "N passed, M failed", which counts tests and their subtests.
//
//	go test -json work | go run ./internal/testsum
//
// It exits with 1 when a test failed or was skipped, when a package did not build or did
// not come to its end, and when there was no test at all. With -skips, a skipped test is
// no failure.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	skips := flag.Bool("skips", false, "let tests be skipped")
	flag.Parse()
	// What ends the whole run ends go test, and then there is something left to tell.
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	ok, err := summarise(os.Stdin, os.Stdout, *skips)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// event is a line of "go test -json" (see "go doc test2json"). Test is "" when it is
// about the whole package, ImportPath is set when it is about a build.
type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

// report is what became of the tests so far.
type report struct {
	w                       io.Writer
	passed, failed, skipped int
	// output is what is not yet told, by package, or package and test.
	output map[string]*strings.Builder
	// running holds the packages, and packages and tests, that have begun.
	running map[string]bool
	// tests and bad count the tests of a package, and those of them that failed.
	tests, bad map[string]int
}

// summarise reads events from r and reports to w. It returns whether all is well.
func summarise(r io.Reader, w io.Writer, skips bool) (ok bool, err error) {
	rep := &report{
		w: w, output: map[string]*strings.Builder{}, running: map[string]bool{},
		tests: map[string]int{}, bad: map[string]int{},
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Action == "" {
			fmt.Fprintln(w, lines.Text()) // not an event: what is wrong with the command
			continue
		}
		rep.add(e)
	}
	if lines.Err() != nil {
		return false, fmt.Errorf("read events: %w", lines.Err())
	}
	return rep.end(skips), nil
}

func (r *report) add(e event) {
	key := e.Package + "\x00" + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.w, e.Output)
	case "output":
		if r.output[key] == nil {
			r.output[key] = &strings.Builder{}
		}
		r.output[key].WriteString(e.Output)
	case "start", "run":
		r.running[key] = true
	case "pass", "fail", "skip":
		delete(r.running, key)
		if e.Test == "" {
			r.endPackage(e, key)
		} else {
			r.endTest(e, key)
		}
		delete(r.output, key)
	}
}

func (r *report) endTest(e event, key string) {
	r.tests[e.Package]++
	switch e.Action {
	case "pass":
		r.passed++
		return
	case "fail":
		r.failed++
		r.bad[e.Package]++
	case "skip":
		r.skipped++
	}
	fmt.Fprintf(r.w, "%s: %s: %s (%.2fs)\n", strings.ToUpper(e.Action), e.Package, e.Test, e.Elapsed)
	r.tell(key)
}

func (r *report) endPackage(e event, key string) {
	switch {
	case e.Action == "skip":
		return // no test files
	case e.Action == "fail" && r.bad[e.Package] == 0:
		// It did not build, or ended outside of its tests.
		r.failed++
		r.tell(key)
	}
	fmt.Fprintf(r.w, "%-4s %s (%d tests, %.1fs)\n", e.Action, e.Package, r.tests[e.Package], e.Elapsed)
}

// tell prints what a test or package said, but for the lines that only say what runs.
func (r *report) tell(key string) {
	if r.output[key] == nil {
		return
	}
	for line := range strings.Lines(r.output[key].String()) {
		if !strings.HasPrefix(line, "=== ") {
			fmt.Fprint(r.w, "    "+line)
		}
	}
}

func (r *report) end(skips bool) (ok bool) {
	for _, key := range slices.Sorted(maps.Keys(r.running)) {
		pkg, test, _ := strings.Cut(key, "\x00")
		if test == "" {
			r.failed++
		}
		fmt.Fprintf(r.w, "UNFINISHED: %s %s\n", pkg, test)
		r.tell(key)
	}
	if r.skipped > 0 {
		fmt.Fprintf(r.w, "%d skipped\n", r.skipped)
	}
	fmt.Fprintf(r.w, "%d passed, %d failed\n", r.passed, r.failed)
	return r.failed == 0 && r.passed > 0 && (skips || r.skipped == 0)
}
