package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
)

// TestDiffOfTimelines has the command read each format.
func TestDiffOfTimelines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	xml := func(second string) string {
		return `<fcpxml version="1.10"><resources><format id="r1" frameDuration="100/2500s"/><asset id="r2" src="file:///` + second + `.mov" hasVideo="1"/></resources>` +
			`<library><event><project name="p"><sequence format="r1" tcStart="3600s" duration="12s"><spine><asset-clip ref="r2" offset="3600s" duration="4s"/><gap offset="3604s" duration="8s"/></spine></sequence></project></event></library></fcpxml>`
	}
	otio := func(url string) string {
		return `{"OTIO_SCHEMA":"Timeline.1","tracks":{"OTIO_SCHEMA":"Stack.1","children":[{"OTIO_SCHEMA":"Track.1","kind":"Video","children":[{"OTIO_SCHEMA":"Clip.1",` +
			`"source_range":{"OTIO_SCHEMA":"TimeRange.1","start_time":{"value":0,"rate":25},"duration":{"value":100,"rate":25}},"media_reference":{"target_url":"` + url + `"}}]}]}}`
	}
	for name, text := range map[string]string{
		"old.edl": oldRoll, "new.edl": newRoll, "old.fcpxmld/Info.fcpxml": xml("a"), "new.fcpxmld/Info.fcpxml": xml("b"), "old.otio": otio("a"), "new.otio": otio("b"),
	} {
		lay(t, dir, name, text)
	}
	for _, tc := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"old.edl", "new.edl", "--rate", "25"}, 0, []string{
			"inserted  01:00:04:00-01:00:04:20 (frames 100 to 120), before 01:00:04:00 of old.edl\n",
			"removed   01:00:08:00-01:00:09:05 (frames 200 to 230) of old.edl\n",
			"20 of 290 frames of new.edl are other ones than in old.edl (300 frames)\n", "note: lists tell timing", "--verify pixels",
		}},
		{[]string{"old.fcpxmld", "new.fcpxmld"}, 0, []string{"replaced  01:00:00:00-01:00:04:00 (frames 0 to 100), for "}},
		{[]string{"old.otio", "new.otio"}, 0, []string{"replaced  00:00:00:00-00:00:04:00 (frames 0 to 100), for "}},
		{[]string{"old.edl", "old.edl", "--rate", "25"}, 0, []string{"0 of 300 frames"}},
		{[]string{"old.edl", "new.edl"}, 2, []string{"reweave: old.edl: an EDL doesn't tell its frame rate (name it: --rate 25)"}},
		{[]string{"old.edl", "new.otio", "--rate", "25"}, 2, []string{"new.otio: it is otio, and old.edl is edl"}},
		{[]string{"old.edl", "new.edl", "--rate", "fast"}, 2, []string{`"fast" is no frame rate`}},
		{[]string{"old.edl"}, 2, []string{"there is no NEW"}},
		{[]string{"old.edl", "none.edl", "--rate", "25"}, 2, []string{"none.edl: there is no such file"}},
	} {
		p := e2e.Command(t, dir, append([]string{"diff"}, tc.args...)...)
		code := p.Run()
		for _, s := range tc.says {
			if code != tc.code || !strings.Contains(p.Stdout.String()+p.Stderr.String(), s) {
				t.Errorf("%v: exit code %d, want %q: %s%s", tc.args, code, s, &p.Stdout, &p.Stderr)
			}
		}
	}
	p := e2e.Command(t, dir, "diff", "old.edl", "new.edl", "--rate", "25", "--json")
	var got struct {
		Changes []struct {
			Why      string
			Old, New struct {
				From, To   int
				Start, End string
			}
		}
		Same []struct{ Old, New, Frames int }
		Note string
	}
	if code := p.Run(); code != 0 {
		t.Fatalf("exit code %d: %s", code, &p.Stderr)
	}
	if err := json.Unmarshal([]byte(p.Stdout.String()), &got); err != nil {
		t.Fatal(err)
	}
	want := "{[{inserted {100 100 01:00:04:00 01:00:04:00} {100 120 01:00:04:00 01:00:04:20}} {removed {200 230 01:00:08:00 01:00:09:05} {220 220 01:00:08:20 01:00:08:20}}] " +
		"[{0 0 100} {100 120 100} {230 220 70}] " + got.Note + "}"
	if fmt.Sprint(got) != want || got.Note == "" {
		t.Errorf("%v, want %s", got, want)
	}
}
