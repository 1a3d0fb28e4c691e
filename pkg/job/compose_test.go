package job_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/job"
)

// applied are the frames of a film with edits; lengths are the numbers of frames of their
// sources, by name.
func applied(t rapid.TB, film []string, edits []job.Edit, lengths map[string]int) (out []string) {
	t.Helper()
	at := 0
	for i, e := range edits {
		if e.From < at || e.To > len(film) || e.To < e.From {
			t.Fatalf("edit %d replaces frames %d to %d of %d, behind %d: %+v", i, e.From, e.To, len(film), at, edits)
		}
		first, n := e.Count()
		if n == 0 {
			n = lengths[e.Source]
		}
		if first+n > lengths[e.Source] || e.Part != nil && e.Part.Of > 0 && e.Part.Of != lengths[e.Source] {
			t.Fatalf("edit %d takes %d frames from %d on of %d: %+v", i, n, first, lengths[e.Source], e)
		}
		if !e.Ripple && n != e.To-e.From {
			t.Fatalf("edit %d has %d frames for frames %d to %d", i, n, e.From, e.To)
		}
		out = append(out, film[at:e.From]...)
		for k := range n {
			out = append(out, fmt.Sprintf("%s %d", e.Source, first+k))
		}
		at = e.To
	}
	return append(out, film[at:]...)
}

// drawEdits draws edits of a film of n frames, and how many frames their sources have.
func drawEdits(t *rapid.T, name string, n int, lengths map[string]int) (edits []job.Edit) {
	at := 0
	for i := range rapid.IntRange(0, 4).Draw(t, name) {
		e := job.Edit{Source: fmt.Sprintf("%s%d", name, i)}
		e.From = rapid.IntRange(at, n).Draw(t, "from")
		e.To = min(n, e.From+rapid.IntRange(0, 6).Draw(t, "length"))
		switch kind := rapid.IntRange(0, 2).Draw(t, "kind"); {
		case kind == 0 || e.From == e.To:
			e.Ripple = true
			lengths[e.Source] = rapid.IntRange(1, 8).Draw(t, "frames")
		case kind == 1:
			e.Aligned = true
			lengths[e.Source] = n
		default:
			lengths[e.Source] = e.To - e.From
		}
		at = e.To
		edits = append(edits, e)
	}
	return edits
}

// Edits of an edited film, composed, make of the source what the one and then the other do.
func TestComposedEditsAreOneAfterTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var film []string
		for i := range rapid.IntRange(1, 30).Draw(t, "frames") {
			film = append(film, fmt.Sprint(i))
		}
		lengths := map[string]int{}
		var edits []job.Edit // those so far
		want := film
		for round := range rapid.IntRange(1, 4).Draw(t, "rounds") {
			fresh := drawEdits(t, fmt.Sprintf("e%d-", round), len(want), lengths)
			want = applied(t, want, fresh, lengths)
			edits = job.Compose(edits, fresh)
			if got := applied(t, film, edits, lengths); !slices.Equal(got, want) {
				t.Fatalf("%v, want %v: %+v", got, want, edits)
			}
			var brought []int
			for _, e := range edits {
				_, n := e.Count()
				if n == 0 {
					n = lengths[e.Source]
				}
				brought = append(brought, n)
			}
			n, ok := job.Spec{Source: "/film.mov", Edits: edits}.Note(brought)
			if !ok {
				t.Fatal("there is no note")
			}
			edits = n.Edits
		}
	})
}

// An edit that an earlier one has nothing to do with stays what it is: what it brings, and
// the frames around it, have the same chunks as before.
func TestComposedEditsKeepTheirRanges(t *testing.T) {
	old := []job.Edit{{From: 20, To: 24, Source: "a", Part: &job.EditPart{To: 4, Of: 4}}, {From: 50, To: 50, Source: "b", Ripple: true, Part: &job.EditPart{To: 7, Of: 7}}}
	got := job.Compose(old, []job.Edit{{From: 22, To: 30, Source: "c"}, {From: 107, To: 109, Source: "d", Aligned: true}})
	want := "20-22 a{0 2 4}false 22-30 c{0 8 8}false 50-50 b{0 7 7}true 100-102 d{107 109 0}false"
	text := ""
	for _, e := range got {
		text += fmt.Sprintf(" %d-%d %s%v%v", e.From, e.To, e.Source, *e.Part, e.Ripple)
	}
	if text[1:] != want {
		t.Errorf("%s, want %s", text[1:], want)
	}
}
