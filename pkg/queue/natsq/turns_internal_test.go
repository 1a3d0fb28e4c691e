package natsq

import (
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/job"
)

// lanesOf names lanes by class and build: "Ha" is the class high and the build a.
func lanesOf(names string) (lanes []lane) {
	classes := map[byte]job.Class{'H': job.High, 'N': job.Normal, 'L': job.Low}
	for name := range strings.FieldsSeq(names) {
		lanes = append(lanes, lane{durable: name, class: classes[name[0]]})
	}
	return lanes
}

// TestTurns takes one lease after the other. A step is the lanes that have work, without
// end, and which of them get the leases.
func TestTurns(t *testing.T) {
	all := lanesOf("Ha Hb Na Nb La Lb")
	for name, steps := range map[string][][2]string{
		"the urgent first, and a share for each": {{"Ha Na La", "Ha Ha Ha Ha Ha Ha Ha La Ha Na Ha Ha Ha Ha Ha La Ha Ha Na Ha"}},
		"low waits for none":                     {{"La", "La La La"}, {"Ha La", "Ha Ha Ha Ha Ha Ha Ha La Ha"}},
		"never two turns in a row":               {{"Ha Na La", "Ha Ha Ha Ha Ha Ha Ha La Ha Na Ha"}},
		"builds take turns":                      {{"Na Nb", "Na Nb Na Nb"}, {"Nb", "Nb Nb Nb"}, {"Na Nb", "Na Nb Na"}},
		"a turn that nobody wants is over":       {{"Ha", "Ha Ha Ha Ha Ha Ha Ha Ha Ha Ha"}, {"Ha La", "Ha Ha Ha Ha"}},
	} {
		var turn turns
		for n, step := range steps {
			var got []string
			for range strings.Fields(step[1]) {
				for _, ln := range turn.order(all) {
					if strings.Contains(step[0], ln.durable) {
						turn.took(ln)
						got = append(got, ln.durable)
						break
					}
				}
			}
			if strings.Join(got, " ") != step[1] {
				t.Errorf("%s, step %d: got %v, want %s", name, n, got, step[1])
			}
		}
	}
}
