package arch

import (
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// repository is the repository as it is, read once for all tests.
type repository struct {
	root     string
	packages []Package
	files    []File
	tracked  []string
}

var read = sync.OnceValues(func() (r repository, err error) {
	if r.root, err = Root(); err != nil {
		return r, err
	}
	if r.packages, err = Packages(r.root); err != nil {
		return r, err
	}
	if r.files, err = Files(r.root, r.packages); err != nil {
		return r, err
	}
	r.tracked, err = Tracked(r.root)
	return r, err
})

func load(t *testing.T) repository {
	t.Helper()
	r, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// text returns the content of a tracked file, "" for a binary one.
func (r repository) text(name string) string {
	b, err := os.ReadFile(filepath.Join(r.root, name))
	if err != nil || slices.Contains(b, 0) {
		return ""
	}
	return string(b)
}

// hold fails the test for each thing that a rule found wrong.
func hold(t *testing.T, wrong []string) {
	t.Helper()
	for _, w := range wrong {
		t.Error(w)
	}
}

// bites fails the test unless a rule found just this in what was made up to break it.
func bites(t *testing.T, wrong []string, want ...string) {
	t.Helper()
	if !slices.Equal(wrong, want) {
		t.Errorf("found %q, want %q", wrong, want)
	}
}

// source makes a file of a text.
func source(t *testing.T, path, text string) File {
	t.Helper()
	f, err := Parse(token.NewFileSet(), path, path, text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// pack makes a package that imports what is named.
func pack(path string, imports ...string) Package {
	return Package{ImportPath: Prefix + path, Imports: imports}
}

func TestEveryPackageIsDocumented(t *testing.T) {
	hold(t, Documented(load(t).packages))
	bites(t, Documented([]Package{pack("pkg/a")}), "pkg/a: the package has no comment")
}

func TestLayers(t *testing.T) {
	hold(t, Layers(load(t).packages))
	bites(t, Layers([]Package{
		pack("pkg/a", Prefix+"pkg/b", "os"),
		pack("pkg/b", Prefix+"internal/testenv"),
		pack("services/api", Prefix+"pkg/a", Prefix+"services/api/inner"),
		pack("services/muxer", Prefix+"services/api"),
		pack("internal/x", Prefix+"services/api", Prefix+"cmd/reweave"),
		pack("cmd/reweave", Prefix+"services/api", Prefix+"internal/x"),
	}),
		"pkg/b imports internal/testenv", "services/muxer imports services/api", "internal/x imports cmd/reweave")
}

func TestOnlyEmbedRunsServers(t *testing.T) {
	may := []string{
		"internal/embed",
		"internal/deploytest", // reads the configuration of NATS as the server does
		"internal/natsqtest",  // takes servers down and up again under the bus
	}
	hold(t, Servers(load(t).packages, may))
	bites(t, Servers([]Package{
		pack("internal/embed", "github.com/nats-io/nats-server/v2/server"),
		pack("pkg/queue/natsq", "github.com/nats-io/nats.go", "github.com/nats-io/nats-server/v2/server"),
		pack("pkg/store", "github.com/versity/versitygw/embedgw"),
	}, may),
		"pkg/queue/natsq imports github.com/nats-io/nats-server/v2/server",
		"pkg/store imports github.com/versity/versitygw/embedgw")
}

func TestForbiddenImports(t *testing.T) {
	why := map[string]string{
		"github.com/prometheus/client_golang/prometheus/promauto": "it registers with the global registry",
		"github.com/pkg/errors":                                   "errors and fmt.Errorf do the same",
		"expvar":                                                  "it is global",
	}
	hold(t, Forbidden(load(t).packages, why))
	bites(t, Forbidden([]Package{pack("pkg/a", "expvar")}, why), "pkg/a imports expvar: it is global")
}

func TestOnlyMainsEndTheProcess(t *testing.T) {
	calls := []Call{{"os", "Exit"}, {"syscall", "Exit"}, {"log", "Fatal"}, {"log", "Fatalf"}, {"log", "Fatalln"}}
	hold(t, Uses(load(t).files, calls, Code,
		"pkg/boot/main.go", "cmd/reweave/main.go",
		"internal/embed/child.go", // the main of the S3 server's process
		"internal/testsum/main.go", "internal/bench/main.go", "internal/chaos/main.go"))
	f := source(t, "pkg/a/a.go", "package a\nimport \"os\"\nfunc F() {\n\tos.Exit(1)\n}")
	bites(t, Uses([]File{f}, calls, Code), "pkg/a/a.go:4: os.Exit")
	bites(t, Uses([]File{f}, calls, Code, "pkg/a/a.go"))
}

func TestNothingIsRegisteredGlobally(t *testing.T) {
	calls := []Call{
		{"prometheus", "Register"},
		{"prometheus", "MustRegister"},
		{"prometheus", "DefaultRegisterer"},
		{"prometheus", "DefaultGatherer"},
		{"promhttp", "Handler"},
		{"http", "HandleFunc"},
		{"http", "Handle"},
		{"http", "DefaultServeMux"},
		{"zap", "ReplaceGlobals"},
	}
	hold(t, Uses(load(t).files, calls, Code))
	f := source(t, "pkg/a/a.go", "package a\nfunc F() { prometheus.MustRegister(nil) }")
	bites(t, Uses([]File{f}, calls, Code), "pkg/a/a.go:2: prometheus.MustRegister")
}

func TestServicesReadNoEnvironmentAndNoSignals(t *testing.T) {
	calls := []Call{
		{"os", "Getenv"},
		{"os", "LookupEnv"},
		{"os", "Environ"},
		{"envconfig", "Process"},
		{"signal", "Notify"},
		{"signal", "NotifyContext"},
	}
	hold(t, Uses(load(t).files, calls, Below("services")))
	f := source(t, "services/api/a.go", "package api\nvar x = os.Getenv(\"X\")")
	bites(t, Uses([]File{f}, calls, Below("services")), "services/api/a.go:2: os.Getenv")
	bites(t, Uses([]File{f}, calls, Below("pkg")))
}

func TestNoInit(t *testing.T) {
	hold(t, Inits(load(t).files))
	bites(t, Inits([]File{source(t, "pkg/a/a.go", "package a\nfunc init() {}\nfunc (T) init() {}")}), "pkg/a/a.go:2: func init")
}

func TestSizes(t *testing.T) {
	limits := Limits{File: 300, Func: 60}
	hold(t, Sizes(load(t).files, limits))
	long := "package a\nfunc Long() {" + strings.Repeat("\n", 60) + "}\n" + strings.Repeat("// more\n", 240)
	bites(t, Sizes([]File{source(t, "pkg/a/a.go", long), source(t, "pkg/a/a_test.go", long)}, limits),
		"pkg/a/a.go: 302 lines, more than 300", "pkg/a/a.go:Long: 61 lines, more than 60")
}

func TestNothingIsPutOff(t *testing.T) {
	r := load(t)
	hold(t, Promises(r.tracked, r.text))
	word := "TO" + "DO"
	made := map[string]string{"a.go": "x\n// " + word + ": later\n", "b.md": "m" + word + "X " + strings.ToLower(word), "c.sum": word}
	bites(t, Promises([]string{"a.go", "b.md", "c.sum"}, func(n string) string { return made[n] }), "a.go:2: "+word)
}

func TestModules(t *testing.T) {
	r := load(t)
	release, modules, err := Workspace(r.root)
	if err != nil {
		t.Fatal(err)
	}
	hold(t, Modules(release, modules, r.tracked))

	var a, b Module
	a.Dir, a.Module.Path, a.Go = "pkg", Prefix+"pkg", "1.26.0"
	b.Dir, b.Module.Path, b.Go = "cmd/reweave", Prefix+"cmd/reweave", "1.25.0"
	b.Require = append(b.Require, struct{ Path, Version string }{Prefix + "pkg", "v1.0.0"})
	bites(t, Modules("1.26.0", []Module{a, b}, []string{"pkg/go.mod", "cmd/reweave/go.mod", "tools/go.mod"}),
		"cmd/reweave/go.mod: go 1.25.0, where go.work has 1.26.0",
		"cmd/reweave/go.mod: requires "+Prefix+"pkg v1.0.0, want v0.0.0",
		"cmd/reweave/go.mod: does not replace "+Prefix+"pkg by the directory pkg",
		"tools/go.mod: the module is not in go.work")
}

func TestProblemsAreDocumented(t *testing.T) {
	r := load(t)
	slugs, unknown := Slugs(r.files)
	unknown = slices.DeleteFunc(unknown, func(at string) bool {
		// "job-" and the state of a job that ended without a reason of its own.
		return strings.HasPrefix(at, "cmd/reweave/internal/cli/encode.go:")
	})
	hold(t, unknown)
	for _, state := range []string{"job-cancelled", "job-failed"} {
		slugs[state] = "cmd/reweave/internal/cli/encode.go"
	}
	hold(t, Problems(slugs, r.text("docs/errors.md")))
}

func TestProblemsAreFound(t *testing.T) {
	files := []File{
		source(t, "pkg/fault/fault.go", `package fault
const TypeBase = "https://example/"
func Userf(slug, where string) *Error { return &Error{Type: slug} }
func of(e *Error) Problem { return Problem{Type: TypeBase + "internal"} }`),
		source(t, "pkg/a/a.go", `package a
const kindOf = "a-constant"
var kinds = map[int][3]string{404: {"no-route", "title", "hint"}}
func F(x string) error {
	e := &fault.Error{Type: "a-field"}
	e.Type, e.Title = "assigned", ""
	_ = fault.Error{Type: kindOf}
	_ = fault.Error{Type: "not a slug"}
	_ = fault.Error{Type: "job-" + x}
	return fault.Userf("an-argument", "")
}
func meaning() (class int, slug string) { return 1, "a-result" }`),
	}
	slugs, unknown := Slugs(files)
	var got []string
	for s := range slugs {
		got = append(got, s)
	}
	slices.Sort(got)
	bites(t, got, "a-constant", "a-field", "a-result", "an-argument", "assigned", "internal", "no-route")
	bites(t, unknown, `pkg/a/a.go:8: "not a slug" is no slug`, "pkg/a/a.go:9: a problem's type that is not a constant")
	bites(t, Problems(map[string]string{"new": "pkg/a/a.go:1"}, "# Problems\n\n### old\n"),
		`pkg/a/a.go:1: the problem "new" is not documented`, `the problem "old" is documented and does not exist`)
}

func TestConfigurationIsDocumented(t *testing.T) {
	r := load(t)
	cmd := exec.CommandContext(t.Context(), "go", "run", "./cmd/reweave", "config", "--markdown")
	cmd.Dir = r.root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	made, err := cmd.Output()
	if err != nil {
		t.Fatalf("reweave config: %v\n%s", err, stderr.String())
	}
	if string(made) != r.text("docs/configuration.md") {
		t.Error("docs/configuration.md is not what the configuration structs say: run make docs")
	}
}

func TestDocumentsLeadSomewhere(t *testing.T) {
	r := load(t)
	hold(t, Links(r.tracked, r.text))
	hold(t, Targets(r.tracked, r.text))
	made := map[string]string{
		"docs/a.md": "[up](../README.md#top) [gone](b.md) [out](https://example.com) ![picture](p.svg)\nrun `make test` or `make coffee`\n",
		"Makefile":  "test: ## run\n",
	}
	tracked := []string{"README.md", "docs/a.md", "docs/p.svg", "Makefile"}
	text := func(n string) string { return made[n] }
	bites(t, Links(tracked, text), "docs/a.md: there is no b.md")
	bites(t, Targets(tracked, text), "docs/a.md: the Makefile has no target coffee")
}
