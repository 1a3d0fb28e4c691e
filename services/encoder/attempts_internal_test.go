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
		// alone and beside say whether it is poisoned where no other worker is there, and
		// where one is that hasn't failed it.
		alone, beside bool
	}{
		"":                                      {0, 0, false, false},
		"a+ a! b+ b!":                           {2, 0, false, false},
		"a+ a! b+ b! a+ a!":                     {3, 0, true, true},
		"a+ a! a+ a! a+ a!":                     {3, 0, true, false}, // it may be a that is broken
		"a+ a- a+ a- a+ a- a+ a-":               {0, 0, false, false},
		"a+ b+ c+ a+ b+":                        {0, 5, false, false}, // killed again and again
		"a+ b- c- d-":                           {0, 1, false, false}, // handed back before they began
		"a+ b+ a! b-":                           {1, 0, false, false}, // a had lost its lease to b
		"a+ a+ a+ a+ a+ a+ a+ a+ a+":            {0, 9, false, false},
		"a+ a! b+ b! a+ a+ a+ a+ a+":            {2, 5, false, false},
		"a+ a+ a+ a+ a+ a+ a+ a+ a+ " + "a+ a!": {1, 9, true, true},
	} {
		var lines []queue.Attempt
		for word := range strings.FieldsSeq(history) {
			lines = append(lines, queue.Attempt{Worker: word[:1], Kind: kinds[word[1]]})
		}
		if n := count(lines); n.failed != want.failed || n.died != want.died || n.poisoned(false) != want.alone || n.poisoned(true) != want.beside {
			t.Errorf("%q: %d failed, %d died, poisoned %v and %v; want %+v", history, n.failed, n.died, n.poisoned(false), n.poisoned(true), want)
		}
	}
}
