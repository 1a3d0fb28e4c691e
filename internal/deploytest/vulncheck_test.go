//go:build vulncheck

package deploytest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// hole is an entry of a database as https://go.dev/security/vuln/database has it.
type hole struct{ id, module, pkg, symbol string }

// database writes one with a single entry, and returns its URL.
func database(t *testing.T, h hole) string {
	t.Helper()
	const modified = "2026-11-01T00:00:00Z"
	type object map[string]any
	type list []object
	dir := t.TempDir()
	for name, v := range map[string]any{
		"index/db.json":      object{"modified": modified},
		"index/vulns.json":   list{{"id": h.id, "modified": modified}},
		"index/modules.json": list{{"path": h.module, "vulns": list{{"id": h.id, "modified": modified}}}},
		"ID/" + h.id + ".json": object{
			"schema_version": "1.3.1", "id": h.id, "modified": modified, "published": modified, "summary": "made by a test",
			"affected": list{{
				"package":            object{"name": h.module, "ecosystem": "Go"},
				"ranges":             list{{"type": "SEMVER", "events": list{{"introduced": "0"}}}},
				"ecosystem_specific": object{"imports": list{{"path": h.pkg, "symbols": []string{h.symbol}}}},
			}},
			"database_specific": object{"url": "https://pkg.go.dev/vuln/" + h.id, "review_status": "REVIEWED"},
		},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return "file://" + dir
}

// make vulncheck fails for a hole in what is called, and names the call. One in what is
// there and never called is told of, and lets it pass.
func TestVulncheck(t *testing.T) {
	const client = "github.com/nats-io/nats.go"
	for name, c := range map[string]struct {
		hole
		fails bool
		says  []string
	}{
		"called":       {hole{"GO-2026-9999", client, client, "Connect"}, true, []string{"GO-2026-9999", "natsq.dial calls nats.Connect"}},
		"never called": {hole{"GO-2026-9998", client, client, "NewEncodedConn"}, false, []string{"pkg\n", "No vulnerabilities found"}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "make", "-C", "../..", "--no-print-directory", "vulncheck", "VULNDB="+database(t, c.hole), "VULN_MODULES=pkg")
			out, err := cmd.CombinedOutput()
			if (err != nil) != c.fails {
				t.Errorf("%v: %s", err, out)
			}
			for _, what := range c.says {
				if !strings.Contains(string(out), what) {
					t.Errorf("it does not say %q: %s", what, out)
				}
			}
		})
	}
}
