package splitter

import (
	"testing"

	"github.com/reweave/reweave/pkg/queue"
)

func TestPick(t *testing.T) {
	known := []queue.Encoder{ // the latest announced first
		{Name: "aac", Build: "a1"}, {Name: "libx264", Build: "new"}, {Name: "libx264", Build: "gone"}, {Name: "libx264", Build: "old"},
	}
	has := func(build string, slots int) queue.Worker {
		return queue.Worker{Slots: slots, Encoders: map[string]queue.Encoder{"libx264": {Name: "libx264", Build: build}}}
	}
	for name, c := range map[string]struct {
		pinned  string
		workers []queue.Worker
		want    string
	}{
		"nobody lives":                  {"", nil, "new"},
		"the latest has left":           {"", []queue.Worker{has("old", 1)}, "old"},
		"most slots":                    {"", []queue.Worker{has("new", 3), has("old", 2), has("old", 2)}, "old"},
		"as many slots":                 {"", []queue.Worker{has("old", 2), has("new", 2)}, "new"},
		"a worker without the encoder":  {"", []queue.Worker{{Slots: 9}, has("old", 1)}, "old"},
		"pinned, though others have it": {"gone", []queue.Worker{has("old", 1)}, "gone"},
		"pinned to what nobody knows":   {"strange", []queue.Worker{has("old", 1)}, ""},
	} {
		e, ok := pick("libx264", c.pinned, known, c.workers)
		if e.Build != c.want || ok != (c.want != "") {
			t.Errorf("%s: chose %q, %v", name, e.Build, ok)
		}
	}
}
