package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The bill of this very test program has what go.mod asks for, each once.
func TestBill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "sbom")
	var out strings.Builder
	if err := run([]string{dir, self}, &out); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, filepath.Base(self)+".cdx.json")
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(out.String(), file) {
		t.Fatalf("%v; it said %q", err, out.String())
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.Format != "CycloneDX" || d.Spec != "1.6" || d.Metadata.Component.Name != filepath.Base(self) {
		t.Errorf("the head is %+v", d)
	}
	if len(d.Components) == 0 || d.Components[0].Name != "std" || !slices.Equal(d.Dependencies[0].On, refs(d)) {
		t.Errorf("components %v, dependencies %v", d.Components, d.Dependencies)
	}
}

func refs(d document) (all []string) {
	for _, c := range d.Components {
		all = append(all, c.Ref)
	}
	return all
}

func TestMistakes(t *testing.T) {
	for _, args := range [][]string{nil, {t.TempDir()}, {t.TempDir(), "main.go"}, {"main.go", "x"}} {
		if err := run(args, os.Stderr); err == nil {
			t.Errorf("%v: taken", args)
		}
	}
}
