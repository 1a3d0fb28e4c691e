package foreign_test

import (
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/foreign"
	"github.com/reweave/reweave/pkg/patch"
)

func TestWhatAPersonMustLookAt(t *testing.T) {
	s := foreign.Splice{Warnings: []string{"players may stumble"}, Regions: []foreign.Grown{
		{Frames: patch.Frames{From: 40, To: 53}},
		{Frames: patch.Frames{From: 100, To: 251}, Again: 138},
	}}
	list := s.Look()
	if len(list) != 2 || !strings.HasPrefix(list[0], "Frames 100–250, of which 138 lost a generation") || list[1] != "players may stumble" {
		t.Errorf("%q", list)
	}
	if list := (foreign.Splice{Regions: s.Regions[:1]}).Look(); len(list) != 0 {
		t.Errorf("%q where nothing was lost", list)
	}
}
