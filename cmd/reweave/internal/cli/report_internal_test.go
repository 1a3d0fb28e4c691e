package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/patch"
)

// What lies beside a deliverable is replaced as a whole: nobody reads half of it, and a disk
// that is full leaves what was there.
func TestWhatLiesBesideIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	page, link := filepath.Join(dir, "out.html"), filepath.Join(dir, "link")
	if err := os.WriteFile(page, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(page, link); err != nil {
		t.Fatal(err)
	}
	if err := writeBeside(page, []byte("after")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{page: "after", link: "before"} {
		if b, err := os.ReadFile(path); err != nil || string(b) != want {
			t.Errorf("%s holds %q, %v, want %q", path, b, err, want)
		}
	}
	taken := filepath.Join(dir, "taken.html")
	if err := os.MkdirAll(filepath.Join(taken, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeBeside(taken, []byte("after")); err == nil || !strings.Contains(err.Error(), "make room") {
		t.Errorf("a page in place of a directory: %v", err)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 3 {
		t.Errorf("there are %v, %v", all, err)
	}
}

func TestSummaryTellsOfTracks(t *testing.T) {
	text := summary(&patch.Report{Tracks: []patch.Track{
		{Kind: patch.KindSound, Number: 1, What: "aac, 2 channels", Before: "a", After: "b"},
		{Kind: patch.KindSound, Number: 2, What: "aac", Before: "a"},
		{Kind: patch.KindSubtitles, Number: 1, What: "mov_text", Before: "a", After: "a", Same: true},
	}})
	for _, want := range []string{
		"sound    track 1 (aac, 2 channels): other packets", "sound    track 2 (aac): gone", "subtitle track 1 (mov_text): the same packets",
	} {
		if !strings.Contains(text, "  "+want+"\n") {
			t.Errorf("it doesn't say %q: %s", want, text)
		}
	}
}
