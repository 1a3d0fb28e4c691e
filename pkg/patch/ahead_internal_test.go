package patch

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media/mediatest"
)

// What was decoded ahead is not decoded again, and what was not, or for nothing, changes no
// report.
func TestDecodedAheadTheReportIsTheSame(t *testing.T) {
	mediatest.NoLeaks(t)
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	base := readFilm(t, tool, made(t, "null"))
	out := readFilm(t, tool, made(t, fmt.Sprintf("negate=enable='between(n,%d,%d)'", 4*gop, 5*gop-1)))
	want, err := Prove(t.Context(), tool, base, out, true, nil)
	if err != nil || len(want.Changes) != 1 || !want.Proved {
		t.Fatalf("%+v %v", want, err)
	}
	if !reflect.DeepEqual(want.Changes[0].Change, claimed().Changes[0]) {
		t.Fatal(want.Changes[0].Change)
	}
	group := func(from, to int) Change { return Change{Frames{from * gop, to * gop}, Frames{from * gop, to * gop}} }
	for name, c := range map[string]struct {
		guess []Change
		runs  int // of base's decoder in the proof
	}{
		"as it is":     {[]Change{group(4, 5)}, 0},
		"too little":   {[]Change{{Frames{4 * gop, 4 * gop}, Frames{4 * gop, 5 * gop}}}, 1},
		"too much":     {[]Change{group(3, 6)}, 1},
		"elsewhere":    {[]Change{group(0, 1)}, 1},
		"nowhere":      {nil, 1},
		"at no border": {[]Change{{Frames{4*gop + 3, 5*gop + 3}, Frames{4*gop + 3, 5*gop + 3}}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			a := DecodeAhead(t.Context(), tool, base, c.guess)
			defer a.Stop()
			got, err := Prove(t.Context(), tool, base, out, true, a)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v, the report is\n%+v, want\n%+v", err, got, want)
			}
			r := &reel{Film: base, tool: tool, ahead: a, want: wanted{decode: []Frames{{2 * gop, 7 * gop}}, hash: []Frames{{2 * gop, 4 * gop}, {5 * gop, 7 * gop}}, width: stillWidth}}
			r.want.add(Frames{4 * gop, 5 * gop})
			before := len(a.taken())
			if err := decodeAll(t.Context(), 1, r); err != nil || len(r.runs)-before != c.runs {
				t.Errorf("%v, %d stretches were decoded again, want %d", err, len(r.runs)-before, c.runs)
			}
			if i := slices.IndexFunc(r.runs, func(d decoded) bool { return r.want.has(d, Frames{2 * gop, 7 * gop}) }); i < 0 {
				t.Error("what is wanted is not there")
			}
		})
	}
}

// What was decoded ahead doesn't hide a frame that changed.
func TestDecodedAheadSeamsFindWhatChanged(t *testing.T) {
	mediatest.NoLeaks(t)
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	base := readFilm(t, tool, made(t, "null"))
	out := readFilm(t, tool, made(t, fmt.Sprintf("negate=enable='between(n,%d,%d)+eq(n,%d)'", 4*gop, 5*gop-1, 6*gop+4)))
	a := DecodeAhead(t.Context(), tool, base, claimed().Changes)
	defer a.Stop()
	seams, err := checkSeams(t.Context(), &reel{Film: base, tool: tool, ahead: a}, &reel{Film: out, tool: tool}, claimed())
	if err != nil || len(seams) != 2 || seams[1].Problem == "" {
		t.Errorf("%+v %v, want frame %d found", seams, err, 6*gop+4)
	}
}
