// Command sbom writes what built programs are made of: a bill of materials (CycloneDX 1.6,
// JSON) beside each, out of the list of modules that the Go linker puts into a program. So
// it tells what is in there, and not what a go.mod allows.
//
//	sbom OUTDIR PROGRAM...
package main

import (
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	if len(args) < 2 {
		return errors.New("give a directory and the programs: sbom OUTDIR PROGRAM")
	}
	if err := os.MkdirAll(args[0], 0o755); err != nil {
		return fmt.Errorf("make %s: %w", args[0], err)
	}
	for _, program := range args[1:] {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return fmt.Errorf("read %s: %w", program, err)
		}
		name := filepath.Base(program)
		text, err := json.MarshalIndent(bill(name, info), "", "  ")
		if err != nil {
			return fmt.Errorf("encode the bill of %s: %w", name, err)
		}
		file := filepath.Join(args[0], name+".cdx.json")
		if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil { //nolint:gosec // it is for everybody
			return fmt.Errorf("write %s: %w", file, err)
		}
		fmt.Fprintf(stdout, "%s: %d components\n", file, len(info.Deps)+1)
	}
	return nil
}

// document is the part of CycloneDX 1.6 that is needed here.
type document struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// bill is a program with its modules and the Go that built it. It has neither a time nor a
// random number: the same program has the same bill.
func bill(name string, info *debug.BuildInfo) document {
	main := component{Type: "application", Ref: name, Name: name, Version: info.Main.Version}
	for _, s := range info.Settings {
		if strings.HasPrefix(s.Key, "GO") || strings.HasPrefix(s.Key, "vcs.revision") || s.Key == "CGO_ENABLED" {
			main.Properties = append(main.Properties, property{"go:build:" + s.Key, s.Value})
		}
	}
	d := document{Format: "CycloneDX", Spec: "1.6", Version: 1, Metadata: metadata{main}}
	std := strings.TrimPrefix(info.GoVersion, "go")
	d.Components = []component{{Type: "library", Ref: "pkg:golang/std@" + std, Name: "std", Version: std, PURL: "pkg:golang/std@" + std}}
	for _, m := range info.Deps {
		if m.Replace != nil && m.Replace.Version != "" {
			m = m.Replace
		}
		c := component{Type: "library", Ref: "pkg:golang/" + m.Path + "@" + m.Version, Name: m.Path, Version: m.Version}
		if m.Sum != "" {
			c.PURL, c.Properties = c.Ref, []property{{"go:sum", m.Sum}}
		}
		d.Components = append(d.Components, c)
	}
	on := dependency{Ref: name}
	for _, c := range d.Components {
		on.On = append(on.On, c.Ref)
	}
	d.Dependencies = []dependency{on}
	return d
}
