package arch

import (
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Module is what a go.mod says, as "go mod edit -json" tells it.
type Module struct {
	// Dir is the module's directory, relative to the repository's root.
	Dir     string `json:"-"`
	Module  struct{ Path string }
	Go      string
	Require []struct{ Path, Version string }
	Replace []struct{ Old, New struct{ Path string } }
}

// Workspace reads go.work and the go.mod of each of its modules. used is the release of
// Go that go.work asks for.
func Workspace(root string) (used string, modules []Module, err error) {
	var work struct {
		Go  string
		Use []struct{ DiskPath string }
	}
	if err := runJSON(root, &work, "go", "work", "edit", "-json"); err != nil {
		return "", nil, err
	}
	for _, u := range work.Use {
		m := Module{Dir: filepath.ToSlash(filepath.Clean(u.DiskPath))}
		if err := runJSON(filepath.Join(root, u.DiskPath), &m, "go", "mod", "edit", "-json"); err != nil {
			return "", nil, err
		}
		modules = append(modules, m)
	}
	return work.Go, modules, nil
}

func runJSON(dir string, v any, name string, args ...string) error {
	out, err := run(dir, name, args...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, v); err != nil {
		return fmt.Errorf("read what %s says: %w", name, err)
	}
	return nil
}

// Modules wants each module to be in the workspace, to ask for the same release of Go,
// and to find its siblings by itself, as the images build it: required at v0.0.0 and
// replaced by their directories. tracked are the repository's files.
func Modules(release string, modules []Module, tracked []string) (wrong []string) {
	say := func(m Module, format string, args ...any) {
		wrong = append(wrong, m.Dir+"/go.mod: "+fmt.Sprintf(format, args...))
	}
	dirs := map[string]string{}
	for _, m := range modules {
		dirs[m.Module.Path] = m.Dir
	}
	for _, m := range modules {
		if m.Go != release {
			say(m, "go %s, where go.work has %s", m.Go, release)
		}
		if want := strings.TrimSuffix(Prefix, "/") + "/" + m.Dir; m.Module.Path != want {
			say(m, "module %s, want %s", m.Module.Path, want)
		}
		for _, r := range m.Require {
			if !strings.HasPrefix(r.Path, Prefix) {
				continue
			}
			if r.Version != "v0.0.0" {
				say(m, "requires %s %s, want v0.0.0", r.Path, r.Version)
			}
			if dir := dirs[r.Path]; m.replacement(r.Path) != dir {
				say(m, "does not replace %s by the directory %s", r.Path, dir)
			}
		}
	}
	for _, name := range tracked {
		dir, file := filepath.Split(name)
		if file == "go.mod" && !slices.ContainsFunc(modules, func(m Module) bool { return m.Dir+"/" == dir }) {
			wrong = append(wrong, name+": the module is not in go.work")
		}
	}
	return wrong
}

// replacement returns the directory that replaces a module, relative to the repository's
// root.
func (m Module) replacement(module string) string {
	for _, r := range m.Replace {
		if r.Old.Path == module {
			return path.Join(m.Dir, r.New.Path)
		}
	}
	return ""
}
