// Package deliverable puts a finished file where the user wants it, whole or not
// at all: it is written under a temporary name in the same directory, flushed to
// the disk, and renamed. What a killed run left behind under such a name is
// removed by the next one.
package deliverable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
)

// Containers are the containers a deliverable can have, which are also the
// extensions of their files.
var Containers = []string{"mp4", "mov", "mkv", "ivf"}

// ContainerOf returns the container that the extension of path names.
func ContainerOf(path string) (string, error) { return oneOf(path, Containers) }

func oneOf(path string, containers []string) (string, error) {
	ext := strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))
	for _, c := range containers {
		if ext == c {
			return c, nil
		}
	}
	return "", fault.Userf("unknown-container", path, "the name doesn't say which container to write",
		"end it in ."+strings.Join(containers, ", ."))
}

// Target is a place where a deliverable may be put.
type Target struct {
	// Path is absolute, with symbolic links followed.
	Path string
	// Container is the one that the extension names.
	Container string
}

// Check tells whether a deliverable can be put at path, and changes nothing there.
// A file that exists is refused unless overwrite is set, and always when it is
// input, which may be nil.
func Check(path string, overwrite bool, input fs.FileInfo) (Target, error) {
	return CheckIn(path, Containers, overwrite, input)
}

// CheckIn is Check for a deliverable of other containers.
func CheckIn(path string, containers []string, overwrite bool, input fs.FileInfo) (Target, error) {
	container, err := oneOf(path, containers)
	if err != nil {
		return Target{}, err
	}
	abs, err := resolve(path)
	if err != nil {
		return Target{}, fault.Userf("bad-output", path, "the path can't be used: "+err.Error(), "")
	}
	if err := checkExisting(path, abs, overwrite, input); err != nil {
		return Target{}, err
	}
	t := Target{Path: abs, Container: container}
	if err := t.checkDirectory(path); err != nil {
		return Target{}, err
	}
	return t, nil
}

// resolve makes path absolute and follows links of what exists, so that a rename
// replaces the file that a link names, and not the link.
func resolve(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(abs)
	if errors.Is(err, fs.ErrNotExist) {
		return abs, nil
	}
	if err != nil {
		return "", err
	}
	return real, nil
}

func checkExisting(path, abs string, overwrite bool, input fs.FileInfo) error {
	at, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fault.Userf("bad-output", path, "can't be looked at: "+reason(err), "")
	case input != nil && os.SameFile(at, input):
		return fault.Userf("output-is-input", path, "OUTPUT is the same file as INPUT", "choose another name")
	case at.IsDir():
		return fault.Userf("bad-output", path, "is a directory", "name a file in it")
	case !at.Mode().IsRegular():
		return fault.Userf("bad-output", path, "is not a regular file", "choose another name")
	case !overwrite:
		return fault.Userf("output-exists", path, "exists already", "add --force to replace it")
	}
	return nil
}

// checkDirectory finds out whether files can be made in the target's directory by
// making one, which is the only answer that holds on every file system.
func (t Target) checkDirectory(path string) error {
	dir := filepath.Dir(t.Path)
	at, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.Userf("bad-output", path, fmt.Sprintf("the directory %s doesn't exist", dir), "create it first")
	case err != nil:
		return fault.Userf("bad-output", path, "can't be reached: "+reason(err), "")
	case !at.IsDir():
		return fault.Userf("bad-output", path, dir+" is not a directory", "")
	}
	f, err := t.create()
	if err != nil {
		return fault.Userf("bad-output", path, fmt.Sprintf("the directory %s can't be written to: %s", dir, reason(err)), "")
	}
	return f.discard()
}

// reason is the system's word for an error, without the path around it.
func reason(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}
