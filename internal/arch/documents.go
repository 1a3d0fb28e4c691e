package arch

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)|src="([^"]+)"`)
	anchorless = regexp.MustCompile(`#.*$`)
	target     = regexp.MustCompile(`(?m)^([a-z0-9-]+):`)
	mention    = regexp.MustCompile("(?m)(?:`|^ *|\\$ )make ([a-z][a-z0-9-]*)")
)

// Links wants the relative links of documents to lead to files of the repository. text
// returns a file's content.
func Links(tracked []string, text func(string) string) (wrong []string) {
	there := map[string]bool{}
	for _, name := range tracked {
		there[name] = true
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			there[dir] = true
		}
	}
	for _, name := range tracked {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(text(name), -1) {
			to := anchorless.ReplaceAllString(m[1]+m[2], "")
			if to == "" || strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue
			}
			if !there[path.Join(path.Dir(name), to)] {
				wrong = append(wrong, fmt.Sprintf("%s: there is no %s", name, to))
			}
		}
	}
	return wrong
}

// Targets wants the commands "make …" in documents to be targets of the Makefile.
func Targets(tracked []string, text func(string) string) (wrong []string) {
	var has []string
	for _, m := range target.FindAllStringSubmatch(text("Makefile"), -1) {
		has = append(has, m[1])
	}
	for _, name := range tracked {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		for _, m := range mention.FindAllStringSubmatch(text(name), -1) {
			if !slices.Contains(has, m[1]) {
				wrong = append(wrong, fmt.Sprintf("%s: the Makefile has no target %s", name, m[1]))
			}
		}
	}
	return wrong
}

var (
	quoted   = regexp.MustCompile("`([^`]+)`")
	testName = regexp.MustCompile(`^Test[A-Za-z0-9_]+$`)
)

// NamedTests wants the tests that a document names to be there: each in the package that
// was named last in its line.
func NamedTests(document string, tracked []string, text func(string) string) (wrong []string) {
	has := map[string]bool{} // directories, and directories with a test
	for _, name := range tracked {
		dir := path.Dir(name)
		has[dir] = true
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, m := range testFunc.FindAllStringSubmatch(text(name), -1) {
			has[dir+" "+m[1]] = true
		}
	}
	for n, line := range strings.Split(text(document), "\n") {
		dir := ""
		for _, m := range quoted.FindAllStringSubmatch(line, -1) {
			switch {
			case has[m[1]]:
				dir = m[1]
			case testName.MatchString(m[1]) && !has[dir+" "+m[1]]:
				wrong = append(wrong, fmt.Sprintf("%s:%d: there is no %s in %q", document, n+1, m[1], dir))
			}
		}
	}
	return wrong
}

var testFunc = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(`)
