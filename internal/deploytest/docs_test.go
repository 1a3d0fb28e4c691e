package deploytest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What docs/operations.md names is there: files and directories of deploy, and metrics in
// the services' source.
func TestOperationsNamesWhatIsThere(t *testing.T) {
	text := string(read(t, "docs/operations.md"))
	paths := regexp.MustCompile(`\bdeploy/[a-zA-Z0-9./-]*[a-zA-Z0-9]`).FindAllString(text, -1)
	for _, p := range paths {
		if _, err := os.Stat(filepath.Join(root(t), p)); err != nil && p != "deploy/.env" && !strings.HasPrefix(p, "deploy/keys") && p != "deploy/token" { // env.sh makes them
			t.Errorf("%s is not there", p)
		}
	}
	metrics := regexp.MustCompile(`\breweave_[a-z_]+[a-z]\b`).FindAllString(text, -1)
	source := goSource(t, "services", "pkg")
	for _, m := range metrics {
		if !strings.Contains(source, m) {
			t.Errorf("no metric %s", m)
		}
	}
	if len(paths) == 0 || len(metrics) == 0 {
		t.Errorf("found %d paths and %d metrics: the page is written in another way", len(paths), len(metrics))
	}
}

// goSource is the text of all Go files under some directories.
func goSource(t *testing.T, dirs ...string) string {
	t.Helper()
	var all strings.Builder
	for _, d := range dirs {
		err := filepath.WalkDir(filepath.Join(root(t), d), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			text, err := os.ReadFile(path)
			all.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}
