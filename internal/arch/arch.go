// Package arch holds the rules of this repository that no compiler knows: which part may
// import which, what no code may do, how long a file may be, what the documents must
// say. Its tests hold them against the repository as it is.
//
// A rule is a function that returns what is wrong, a line for each thing. The tests run
// each rule twice: on the repository, where it must find nothing, and on something made
// up that breaks it, where it must find that.
package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Prefix is what the import paths of this repository begin with.
const Prefix = "github.com/reweave/reweave/"

// Package is what "go list" tells of a package.
type Package struct {
	ImportPath, Dir, Doc               string
	Imports, TestImports, XTestImports []string
	GoFiles, TestGoFiles, XTestGoFiles []string
	CgoFiles, IgnoredGoFiles           []string
}

// Path is the package's place in the repository, such as pkg/queue/natsq.
func (p Package) Path() string { return strings.TrimPrefix(p.ImportPath, Prefix) }

// AllImports are the imports of the package and of its tests.
func (p Package) AllImports() []string {
	all := slices.Concat(p.Imports, p.TestImports, p.XTestImports)
	slices.Sort(all)
	return slices.Compact(all)
}

// File is a parsed Go file.
type File struct {
	// Path is relative to the repository's root, with slashes.
	Path  string
	Test  bool
	Lines int
	*ast.File
	Set *token.FileSet
}

// At returns where n begins, as path:line.
func (f File) At(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.Path, f.Set.Position(n.Pos()).Line)
}

// Root returns the repository's root, found from the working directory upwards.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find repository: %w", err)
	}
	for up := ""; dir != up; up, dir = dir, filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("find repository: no go.work above the working directory")
}

// Packages lists the packages of all modules of the workspace at root.
func Packages(root string) ([]Package, error) {
	out, err := run(root, "go", "list", "-json", "work")
	if err != nil {
		return nil, err
	}
	var all []Package
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p Package
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("read what go list says: %w", err)
		}
		all = append(all, p)
	}
}

// Files parses all Go files of the packages, those for other systems too.
func Files(root string, packages []Package) ([]File, error) {
	set := token.NewFileSet()
	var all []File
	for _, p := range packages {
		for _, name := range slices.Concat(p.GoFiles, p.CgoFiles, p.IgnoredGoFiles, p.TestGoFiles, p.XTestGoFiles) {
			path := filepath.Join(p.Dir, name)
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return nil, fmt.Errorf("place %s: %w", path, err)
			}
			f, err := Parse(set, filepath.ToSlash(rel), path, nil)
			if err != nil {
				return nil, err
			}
			all = append(all, f)
		}
	}
	return all, nil
}

// Parse parses one file, from src unless that is nil.
func Parse(set *token.FileSet, rel, path string, src any) (File, error) {
	parsed, err := parser.ParseFile(set, path, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return File{}, fmt.Errorf("parse %s: %w", rel, err)
	}
	return File{
		Path: rel, Test: strings.HasSuffix(rel, "_test.go"), File: parsed, Set: set,
		Lines: set.File(parsed.Pos()).LineCount(),
	}, nil
}

// Tracked lists the files that git has or would add, relative to root.
func Tracked(root string) ([]string, error) {
	// safe.directory: the checkout may belong to another user, as it does in containers.
	out, err := run(root, "git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	var files []string
	for name := range strings.SplitSeq(string(out), "\x00") {
		if _, err := os.Stat(filepath.Join(root, name)); name != "" && err == nil {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// run runs a command in dir and returns what it prints.
func run(dir string, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...) //nolint:noctx // go test's own limit bounds it
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run %s %s: %w: %s", name, strings.Join(args, " "), err, stderr.String())
	}
	return out, nil
}
