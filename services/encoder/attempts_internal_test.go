package encoder

import (
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/queue"
)

// TestCount reads histories such as "a+ a- b+ b!": worker a began and handed back, worker
// b began and failed.
func TestCount(t *testing.T) {
	kinds := map[byte]string{'+': queue.AttemptStart, '-': queue.AttemptRelease, '!': queue.AttemptFail}
	for history, want := range map[string]struct {
		failed, died int
		poisoned     bool
	}{
		"":                                      {0, 0, false},
		"a+ a! b+ b!":                           {2, 0, false},
		"a+ a! b+ b! a+ a!":                     {3, 0, true},
		"a+ a- a+ a- a+ a- a+ a-":               {0, 0, false},
		"a+ b+ c+ a+ b+":                        {0, 5, false}, // killed again and again
		"a+ b- c- d-":                           {0, 1, false}, // handed back before they began
		"a+ b+ a! b-":                           {1, 0, false}, // a had lost its lease to b
		"a+ a+ a+ a+ a+ a+ a+ a+ a+":            {0, 9, false},
		"a+ a! b+ b! a+ a+ a+ a+ a+":            {2, 5, false},
		"a+ a+ a+ a+ a+ a+ a+ a+ a+ " + "a+ a!": {1, 9, true},
	} {
		var lines []queue.Attempt
		for word := range strings.FieldsSeq(history) {
			lines = append(lines, queue.Attempt{Worker: word[:1], Kind: kinds[word[1]]})
		}
		if n := count(lines); n.failed != want.failed || n.died != want.died || n.poisoned() != want.poisoned {
			t.Errorf("%q: %d failed, %d died, poisoned %v; want %+v", history, n.failed, n.died, n.poisoned(), want)
		}
	}
}
