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
