// Package sandbox starts children that read what strangers sent, and so must be expected
// to do what strangers want. Such a child reaches only the files that it is given and no
// network, and what it may use up is bounded.
//
// On Linux, Landlock restricts its files and signals, a seccomp filter takes every kind
// of socket from it (a network namespace of its own does where there is no seccomp) and
// lets it make threads and no processes, and resource limits bound its CPU time, files and
// memory dumps. None of these needs privileges, and each is used where the kernel has it:
// [Box] tells which are in force.
//
// The restrictions are put on one thread of this process, which then forks the child and
// waits for its end; so they cost no process in between. A thread that has them never
// runs anything else, and ends with the child.
package sandbox

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Rules are what one child may do beyond running.
type Rules struct {
	// Read are the files and directories that it may read, Write the directories in
	// which it may read, make, change and delete files.
	Read, Write []string
	// FileSize bounds each file that it writes, in bytes; 0 means that it writes none.
	FileSize uint64
	// CPU bounds its CPU time; 0 stands for [DefaultCPU].
	CPU time.Duration
}

// DefaultCPU is more CPU time than the slowest encode of a chunk takes.
const DefaultCPU = 72 * time.Hour

// spare is what a child may map beyond the machine's memory: libraries, stacks and arenas
// of its threads, most of which it never touches.
const spare = 8 << 30

// openFiles bounds the files that a child has open.
const openFiles = 1024

// Box is what is in force for the children of one program. Its zero value restricts
// nothing but resources.
type Box struct {
	// Program is the absolute path of the program.
	Program string
	// Files names what restricts files and signals, Network what keeps the child off the
	// network, Processes what keeps it from making others, Limits what bounds its use of
	// resources; "" stands for nothing. What keeps it from processes is part of the filter
	// that keeps it off the network.
	Files, Network, Processes, Limits string
	// Lacks says why something is not in force, "" when all is.
	Lacks string

	system []grant
}

// grant is a path with what may be done below it.
type grant struct {
	path   string
	access uint64
}

// Full reports whether everything is in force.
func (b Box) Full() bool {
	return b.Files != "" && b.Network != "" && b.Processes != "" && b.Limits != ""
}

// Try finds out what can be in force for a program, by running it with an argument, such
// as "-version", that has it say something and end well. It returns what the program said
// in the box; "" where it ran in none.
func Try(ctx context.Context, program, arg string) (b Box, said string) {
	var why string
	for _, b := range available(program) {
		said, err := b.try(ctx, arg)
		if err == nil {
			b.Lacks = join(why, b.Lacks)
			return b, said
		}
		why = join(why, fmt.Sprintf("%s does not run with %s: %v", program, b.kept(), err))
	}
	return Box{Program: program, Lacks: why}, ""
}

func (b Box) try(ctx context.Context, arg string) (said string, err error) {
	cmd := exec.CommandContext(ctx, b.Program, arg)
	var out strings.Builder
	cmd.Stdout = &out
	ended, err := b.Start(cmd, Rules{})
	if err != nil {
		return "", err
	}
	defer ended()
	err = cmd.Wait()
	return out.String(), err
}

// kept names what is in force but for the limits.
func (b Box) kept() string {
	kept := join(b.Files, b.Network)
	if b.Processes != "" {
		kept = join(kept, "no processes")
	}
	return kept
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
