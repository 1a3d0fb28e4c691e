package timeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/timeline"
)

// shot is a piece of a timeline of one track that a test makes: n frames of a source from
// a frame on, entered by a dissolve of some of them.
type shot struct {
	of             string
	at, n, through int
	speed          string
}

func shots() *rapid.Generator[shot] {
	return rapid.Custom(func(t *rapid.T) shot {
		s := shot{
			of: rapid.SampledFrom([]string{"A", "B", "C", "D", "E", ""}).Draw(t, "of"), // "": a gap
			at: rapid.IntRange(0, 40).Draw(t, "at"), n: rapid.IntRange(1, 30).Draw(t, "n"),
		}
		if s.of != "" && rapid.IntRange(0, 4).Draw(t, "how") == 0 {
			s.through = rapid.IntRange(0, s.n).Draw(t, "through")
		}
		if rapid.IntRange(0, 9).Draw(t, "speed") == 0 {
			s.speed = "half"
		}
		return s
	})
}

// made makes a timeline of shots.
func made(all []shot) *timeline.Timeline {
	t := &timeline.Timeline{Name: "made", Clock: timeline.Clock{Rate: pal}}
	var before timeline.Content
	for _, s := range all {
		if s.of != "" {
			e := timeline.Event{Track: 1, In: t.Length, Out: t.Length + s.n, Source: timeline.Source{Reel: s.of, At: s.at, Speed: s.speed}}
			t.Events = append(t.Events, e)
			if s.through > 0 {
				t.Transitions = append(t.Transitions, timeline.Transition{
					Track: 1, In: t.Length, Out: t.Length + s.through, Kind: "D", From: before, To: timeline.Content{Of: s.of + s.speed, At: s.at},
				})
			}
			before = timeline.Content{Of: s.of + s.speed, At: s.at + s.n}
		} else {
			before = timeline.Content{}
		}
		t.Length += s.n
	}
	return t
}

// frames writes down what each frame of such a timeline shows, one by one.
func frames(all []shot) (out []string) {
	before := "black"
	for _, s := range all {
		for k := range s.n {
			own := fmt.Sprintf("%s %d", s.of, s.at+k)
			if s.speed != "" {
				own = fmt.Sprintf("%s %s from %d, %d", s.of, s.speed, s.at, k)
			}
			switch {
			case s.of == "":
				own = "black"
			case k < s.through:
				own = fmt.Sprintf("%d of %d from %s to %s from %d %s", k, s.through, before, s.of, s.at, s.speed)
			}
			out = append(out, own)
		}
		if before = fmt.Sprintf("%s %s %d", s.of, s.speed, s.at+s.n); s.of == "" {
			before = "black"
		}
	}
	return out
}

// edited makes random changes.
func edited(t *rapid.T, all []shot) []shot {
	all = slices.Clone(all)
	for range rapid.IntRange(0, 5).Draw(t, "edits") {
		i := rapid.IntRange(0, len(all)-1).Draw(t, "where")
		switch rapid.IntRange(0, 6).Draw(t, "what") {
		case 0:
			all = slices.Insert(all, i, shots().Draw(t, "inserted"))
		case 1:
			if len(all) > 1 {
				all = slices.Delete(all, i, i+1)
			}
		case 2:
			all[i] = shots().Draw(t, "replaced")
		case 3: // trimmed at its tail
			all[i].n = rapid.IntRange(max(1, all[i].through), all[i].n).Draw(t, "tail")
		case 4: // trimmed at its head
			cut := rapid.IntRange(0, all[i].n-1).Draw(t, "head")
			all[i].at, all[i].n, all[i].through = all[i].at+cut, all[i].n-cut, 0
		case 5: // slipped
			all[i].at++
		case 6: // moved
			s := all[i]
			all = slices.Insert(slices.Delete(all, i, i+1), rapid.IntRange(0, len(all)-1).Draw(t, "to"), s)
		}
	}
	return all
}

// TestNothingThatChangedIsTakenForTheSame applies random edits to random timelines, and
// compares each frame that is told to be the same.
func TestNothingThatChangedIsTakenForTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := rapid.SliceOfN(shots(), 1, 12).Draw(t, "old")
		after := edited(t, old)
		d, err := timeline.Compare(made(old), made(after))
		if err != nil {
			t.Fatal(err)
		}
		a, b := frames(old), frames(after)
		o, n := 0, 0
		changes := slices.Clone(d.Changes)
		take := func() {
			if len(changes) > 0 && changes[0].Old.From == o && changes[0].New.From == n {
				o, n, changes = changes[0].Old.To, changes[0].New.To, changes[1:]
			}
		}
		for _, r := range d.Same {
			take()
			if r.Old != o || r.New != n || r.N < 1 {
				t.Fatalf("%+v leaves a gap or an overlap at %d and %d", d, o, n)
			}
			for k := range r.N {
				if a[r.Old+k] != b[r.New+k] {
					t.Fatalf("frame %d, %q, is taken for frame %d, %q", r.New+k, b[r.New+k], r.Old+k, a[r.Old+k])
				}
			}
			o, n = o+r.N, n+r.N
		}
		take()
		if o != len(a) || n != len(b) || len(changes) > 0 {
			t.Fatalf("%+v is not the whole of %d and %d frames", d, len(a), len(b))
		}
	})
}

// TestOneEditIsFoundExactly wants no frame more than one edit changed.
func TestOneEditIsFoundExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 10).Draw(t, "shots")
		old := make([]shot, n)
		starts := make([]int, n+1)
		for i := range old {
			old[i] = shot{of: string(rune('A' + i)), at: rapid.IntRange(0, 1000).Draw(t, "at"), n: rapid.IntRange(2, 50).Draw(t, "n")}
			starts[i+1] = starts[i] + old[i].n
		}
		i := rapid.IntRange(0, n-1).Draw(t, "where")
		from, to := starts[i], starts[i+1]
		k := rapid.IntRange(1, old[i].n-1).Draw(t, "frames")
		after := slices.Clone(old)
		var want timeline.Change
		switch rapid.SampledFrom([]string{"insert", "remove", "replace", "head", "tail", "inside"}).Draw(t, "what") {
		case "insert":
			after = slices.Insert(after, i, shot{of: "new", n: k})
			want = timeline.Change{Why: "inserted", Old: timeline.Frames{From: from, To: from}, New: timeline.Frames{From: from, To: from + k}}
		case "remove":
			after = slices.Delete(after, i, i+1)
			want = timeline.Change{Why: "removed", Old: timeline.Frames{From: from, To: to}, New: timeline.Frames{From: from, To: from}}
		case "replace":
			after[i] = shot{of: "new", n: k}
			want = timeline.Change{Why: "replaced", Old: timeline.Frames{From: from, To: to}, New: timeline.Frames{From: from, To: from + k}}
		case "head":
			after[i].at, after[i].n = old[i].at+k, old[i].n-k
			want = timeline.Change{Why: "removed", Old: timeline.Frames{From: from, To: from + k}, New: timeline.Frames{From: from, To: from}}
		case "tail":
			after[i].n -= k
			want = timeline.Change{Why: "removed", Old: timeline.Frames{From: to - k, To: to}, New: timeline.Frames{From: to - k, To: to - k}}
		case "inside":
			after[i].n = k
			after = slices.Insert(after, i+1, shot{of: "new", n: 1}, shot{of: old[i].of, at: old[i].at + k, n: old[i].n - k})
			want = timeline.Change{Why: "inserted", Old: timeline.Frames{From: from + k, To: from + k}, New: timeline.Frames{From: from + k, To: from + k + 1}}
		}
		d, err := timeline.Compare(made(old), made(after))
		if err != nil || len(d.Changes) != 1 || d.Changes[0] != want {
			t.Fatalf("found %+v, %v, want %+v", d, err, want)
		}
	})
}

// TestLayersAndTransitionsCount changes what lies above, and either side of a dissolve.
func TestLayersAndTransitionsCount(t *testing.T) {
	film := func(change func(*timeline.Timeline)) *timeline.Timeline {
		t := made([]shot{{of: "A", n: 100}, {of: "B", n: 100, through: 20}, {of: "C", n: 100}})
		t.Events = append(t.Events, timeline.Event{Track: 2, In: 210, Out: 230, Source: timeline.Source{Clip: "title"}})
		change(t)
		return t
	}
	for name, tc := range map[string]struct {
		change func(*timeline.Timeline)
		want   string
	}{
		"nothing":             {func(*timeline.Timeline) {}, "[]"},
		"a cut that is none":  {func(t *timeline.Timeline) { t.Events = append(t.Events, part(t, 50)) }, "[]"},
		"the title":           {func(t *timeline.Timeline) { t.Events[3].Clip = "other" }, "[{replaced {210 230} {210 230}}]"},
		"no title":            {func(t *timeline.Timeline) { t.Events = t.Events[:3] }, "[{replaced {210 230} {210 230}}]"},
		"a longer title":      {func(t *timeline.Timeline) { t.Events[3].Out = 240 }, "[{replaced {230 240} {230 240}}]"},
		"where it comes from": {func(t *timeline.Timeline) { t.Transitions[0].From.At++ }, "[{replaced {100 120} {100 120}}]"},
		"where it goes":       {func(t *timeline.Timeline) { t.Transitions[0].To.Of = "X" }, "[{replaced {100 120} {100 120}}]"},
		"how":                 {func(t *timeline.Timeline) { t.Transitions[0].Kind = "W001" }, "[{replaced {100 120} {100 120}}]"},
		"longer":              {func(t *timeline.Timeline) { t.Transitions[0].Out += 5 }, "[{replaced {100 125} {100 125}}]"},
		"a cut":               {func(t *timeline.Timeline) { t.Transitions = nil }, "[{replaced {100 120} {100 120}}]"},
		"its speed":           {func(t *timeline.Timeline) { t.Events[2].Speed = "12 frames a second" }, "[{replaced {200 300} {200 300}}]"},
		"an effect":           {func(t *timeline.Timeline) { t.Events[0].Effects = "blur" }, "[{replaced {0 100} {0 100}}]"},
	} {
		d, err := timeline.Compare(film(func(*timeline.Timeline) {}), film(tc.change))
		if got := fmt.Sprint(d.Changes); err != nil || got != tc.want {
			t.Errorf("%s: %s, %v, want %s", name, got, err, tc.want)
		}
	}
	other := film(func(t *timeline.Timeline) { t.Rate = ntsc })
	if _, err := timeline.Compare(film(func(*timeline.Timeline) {}), other); err == nil || !strings.Contains(err.Error(), "30000/1001") {
		t.Errorf("timelines of two rates are compared: %v", err)
	}
}

// part cuts the first event in two, and returns the second.
func part(t *timeline.Timeline, at int) timeline.Event {
	e := t.Events[0]
	t.Events[0].Out = at
	e.In, e.At = at, e.At+at
	return e
}

// TestLongTimelines are compared within bounded memory: where that is too little to find
// all that is the same, more is told to have changed.
func TestLongTimelines(t *testing.T) {
	for _, n := range []int{3000, 9000} {
		var old []shot
		for i := range n {
			old = append(old, shot{of: fmt.Sprint(i), n: 100})
		}
		after := slices.Concat(old[1:n/2], []shot{{of: "new", n: 7}}, old[n/2:])
		after[len(after)-1].n = 99
		d, err := timeline.Compare(made(old), made(after))
		if err != nil {
			t.Fatal(err)
		}
		want := 3
		if n > 8192 {
			want = 1
		}
		if len(d.Changes) != want {
			t.Errorf("%d shots: %d changes, want %d", n, len(d.Changes), want)
		}
	}
}
