package arch

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// Call is the use of something that another package exports, such as os.Exit.
type Call struct{ Package, Name string }

// Uses wants none of the calls in files that in picks; may lists the exceptions by the
// files' paths. Packages are known by the last part of their import path, as all
// imports here are.
func Uses(files []File, calls []Call, in func(File) bool, may ...string) (wrong []string) {
	for _, f := range files {
		if !in(f) || slices.Contains(may, f.Path) {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if ok && slices.Contains(calls, Call{pkg.Name, sel.Sel.Name}) {
				wrong = append(wrong, fmt.Sprintf("%s: %s.%s", f.At(n), pkg.Name, sel.Sel.Name))
			}
			return true
		})
	}
	return wrong
}

// Code picks the files that are no tests.
func Code(f File) bool { return !f.Test }

// Libraries picks the files that are neither tests nor part of a command.
func Libraries(f File) bool { return !f.Test && f.Name.Name != "main" }

// Below picks the files below one of the directories that are no tests.
func Below(dirs ...string) func(File) bool {
	return func(f File) bool {
		return !f.Test && slices.ContainsFunc(dirs, func(d string) bool { return within(f.Path, d) })
	}
}

// Inits wants no func init: what runs must be called.
func Inits(files []File) (wrong []string) {
	for _, f := range files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				wrong = append(wrong, f.At(fn)+": func init")
			}
		}
	}
	return wrong
}

// Limits are the most lines that a file and a function may have, tests left out. May
// names the exceptions, files by their paths and functions as path:name.
type Limits struct {
	File, Func int
	May        []string
}

// Sizes wants files and functions that one can read at a sitting.
func Sizes(files []File, l Limits) (wrong []string) {
	say := func(what string, lines, limit int) {
		if lines > limit && !slices.Contains(l.May, what) {
			wrong = append(wrong, fmt.Sprintf("%s: %d lines, more than %d", what, lines, limit))
		}
	}
	for _, f := range files {
		if f.Test {
			continue
		}
		say(f.Path, f.Lines, l.File)
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				first, last := f.Set.Position(fn.Pos()).Line, f.Set.Position(fn.End()).Line
				say(f.Path+":"+fn.Name.Name, last-first+1, l.Func)
			}
		}
	}
	return wrong
}

// Promises wants no text to put work off: what is not done is an issue, and what the
// program does not do is said in the README. text returns a file's content.
func Promises(files []string, text func(string) string) (wrong []string) {
	words := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"}
	for _, name := range files {
		if strings.HasSuffix(name, ".sum") { // digests hold any letters
			continue
		}
		n := 0
		for line := range strings.Lines(text(name)) {
			n++
			for _, w := range words {
				if hasWord(line, w) {
					wrong = append(wrong, fmt.Sprintf("%s:%d: %s", name, n, w))
				}
			}
		}
	}
	return wrong
}

// hasWord says whether line has the word between other characters than letters.
func hasWord(line, word string) bool {
	letter := func(s string, i int) bool {
		return i >= 0 && i < len(s) && (s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 'a' && s[i] <= 'z')
	}
	for at := 0; ; {
		i := strings.Index(line[at:], word)
		if i < 0 {
			return false
		}
		at += i
		if !letter(line, at-1) && !letter(line, at+len(word)) {
			return true
		}
		at += len(word)
	}
}
