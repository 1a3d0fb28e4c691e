package arch

import (
	"fmt"
	"slices"
	"strings"
)

// Documented wants every package to have a comment that explains its terms.
func Documented(packages []Package) (wrong []string) {
	for _, p := range packages {
		if p.Doc == "" {
			wrong = append(wrong, p.Path()+": the package has no comment")
		}
	}
	return wrong
}

// Layers wants services to import pkg and nothing of each other, and pkg to import
// nothing above it. Tests count: what needs a server or another service is tested from
// internal.
func Layers(packages []Package) (wrong []string) {
	for _, p := range packages {
		for _, imported := range p.AllImports() {
			path, ours := strings.CutPrefix(imported, Prefix)
			if ours && !mayImport(p.Path(), path) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s", p.Path(), path))
			}
		}
	}
	return wrong
}

// mayImport says whether a package may import another one, by their places.
func mayImport(from, to string) bool {
	layer, rest, _ := strings.Cut(from, "/")
	switch layer {
	case "pkg":
		return within(to, "pkg")
	case "services":
		service, _, _ := strings.Cut(rest, "/")
		return within(to, "pkg") || within(to, "services/"+service)
	case "internal":
		return !within(to, "cmd")
	}
	return true // cmd puts everything together
}

// within says whether path is dir or lies below it.
func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// Servers wants none but the named packages to import a NATS or an S3 server.
func Servers(packages []Package, may []string) (wrong []string) {
	servers := []string{"github.com/nats-io/nats-server/", "github.com/versity/versitygw"}
	for _, p := range packages {
		if slices.ContainsFunc(may, func(dir string) bool { return within(p.Path(), dir) }) {
			continue
		}
		for _, imported := range p.AllImports() {
			if slices.ContainsFunc(servers, func(s string) bool { return strings.HasPrefix(imported, s) }) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s", p.Path(), imported))
			}
		}
	}
	return wrong
}

// Forbidden wants no package to import what the map names; its values say why not.
func Forbidden(packages []Package, why map[string]string) (wrong []string) {
	for _, p := range packages {
		for _, imported := range p.AllImports() {
			if reason := why[imported]; reason != "" {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: %s", p.Path(), imported, reason))
			}
		}
	}
	return wrong
}
