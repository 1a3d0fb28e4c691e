package arch

import (
	"strings"
	"testing"
)

// Each threat of docs/security.md has its test, and the tests are there.
func TestNamedTestsExist(t *testing.T) {
	r := load(t)
	hold(t, NamedTests("docs/security.md", r.tracked, r.text))
	hold(t, NamedTests("docs/workers.md", r.tracked, r.text))
	threats := 0
	_, table, _ := strings.Cut(r.text("docs/security.md"), "| threat |")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, line := range strings.Split(table, "\n")[2:] { // behind the heading and its line
		cells := strings.Split(line, "|")
		if threats++; len(cells) != 5 || !strings.Contains(cells[3], "`Test") {
			t.Errorf("no test for the threat %q", cells[1])
		}
	}
	if threats < 15 {
		t.Errorf("%d threats", threats)
	}
	made := map[string]string{
		"d.md":            "`pkg/a` `TestA`, `TestB`\n`TestA`\n",
		"pkg/a/a_test.go": "func TestA(t *testing.T) {}\nfunc (x) TestB() {}\n",
	}
	bites(t, NamedTests("d.md", []string{"d.md", "pkg/a/a_test.go"}, func(n string) string { return made[n] }),
		`d.md:1: there is no TestB in "pkg/a"`, `d.md:2: there is no TestA in ""`)
}
