package sandbox

import (
	"errors"
	"fmt"
	"slices"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// restrictFiles allows this thread, and what it forks, the system's files and those of
// the rules, and signals to nobody but itself and its children.
func (b Box) restrictFiles(r Rules) error {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		return fmt.Errorf("ask for Landlock: %w", err)
	}
	attr := handled(abi)
	set, err := ll.LandlockCreateRuleset(&attr, 0)
	if err != nil {
		return fmt.Errorf("create ruleset: %w", err)
	}
	defer unix.Close(set)
	grants := slices.Clone(b.system) // threads that start children at once share it
	for _, path := range r.Read {
		grants = append(grants, grant{path, mayRead})
	}
	for _, path := range r.Write {
		grants = append(grants, grant{path, mayWrite})
	}
	if b.Network == "namespace" {
		// This thread writes the child's map of users before it runs. What belongs to other
		// processes Landlock keeps from it all the same, as it may not trace them.
		grants = append(grants, grant{"/proc", mayWrite})
	}
	for _, g := range grants {
		if err := allow(set, g, attr.HandledAccessFS); err != nil {
			return fmt.Errorf("allow %s: %w", g.path, err)
		}
	}
	return ll.LandlockRestrictSelf(set, 0)
}

// handled is all that this kernel's Landlock can take away and that a program which
// transcodes has no use for. The versions are those of landlock(7).
func handled(abi int) ll.RulesetAttr {
	const first = ll.AccessFSRefer - 1 // the rights of version 1
	a := ll.RulesetAttr{HandledAccessFS: first}
	if abi >= 2 {
		a.HandledAccessFS |= ll.AccessFSRefer
	}
	if abi >= 3 {
		a.HandledAccessFS |= ll.AccessFSTruncate
	}
	if abi >= 4 {
		a.HandledAccessNet = ll.AccessNetBindTCP | ll.AccessNetConnectTCP
	}
	if abi >= 5 {
		a.HandledAccessFS |= ll.AccessFSIoctlDev
	}
	if abi >= 7 { // the scopes came with 6, which wrongly kept threads of one process apart
		a.Scoped = ll.ScopeAbstractUnixSocket | ll.ScopeSignal
	}
	return a
}

// allow adds a grant to a ruleset. A path that is not there needs none.
func allow(set int, g grant, handled uint64) error {
	fd, err := unix.Open(g.path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EACCES) {
		return nil // then the child can't open it either
	} else if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	access := g.access & handled
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= ofFile
	}
	return ll.LandlockAddPathBeneathRule(set, &ll.PathBeneathAttr{AllowedAccess: access, ParentFd: fd}, 0)
}
