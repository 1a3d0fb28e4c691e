package timeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/timeline"
)

// reel is a list as editors write it: a cut, a dissolve, a freeze, a wipe, sound.
const reel = `TITLE:   HARBOUR_R1_V04
FCM: NON-DROP FRAME

001  A012C003_190412_R2EC V     C        10:04:11:20 10:04:15:00 01:00:00:00 01:00:03:05
* FROM CLIP NAME:  A012C003_190412_R2EC
* LOC: 01:00:01:14 RED     FIX THE SKY
002  A012C003_190412_R2EC V     C        10:04:15:00 10:04:15:00 01:00:03:05 01:00:03:05
002  AX       V     D    024 00:00:10:00 00:00:14:00 01:00:03:05 01:00:07:05
* FROM CLIP NAME:  A012C003_190412_R2EC
* TO CLIP NAME:  gulls & nets.mov
003  B001C010 AA/V  C        02:00:00:00 02:00:01:00 01:00:07:05 01:00:09:05
M2   B001C010       012.5                02:00:00:00
* ASC_SOP (1.1 1.0 0.9)(0 0 0)(1 1 1)
004  BL       V     C        00:00:00:00 00:00:01:00 01:00:09:05 01:00:10:05
005  B001C011 V     W001 012 03:00:00:00 03:00:04:00 01:00:10:05 01:00:14:05
005  MUSIC    A     C        00:00:00:00 00:00:15:00 01:00:00:00 01:00:15:00
>>> SOURCE MUSIC MUSIC.WAV 4a6f
`

func edlOf(t testing.TB, text string, o timeline.Options) *timeline.Timeline {
	t.Helper()
	l, err := timeline.Read("list.edl", []byte(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestEDL(t *testing.T) {
	l := edlOf(t, reel, timeline.Options{Rate: pal})
	if l.Text(l.Start) != "01:00:00:00" || l.Length != 375 || len(l.Events) != 5 || len(l.Transitions) != 2 {
		t.Fatalf("%+v", l)
	}
	for i, want := range []timeline.Event{
		{Line: 4, Track: 1, In: 0, Out: 80, Source: timeline.Source{Reel: "A012C003_190412_R2EC", Clip: "A012C003_190412_R2EC", At: 906295}},
		{Line: 8, Track: 1, In: 80, Out: 180, Source: timeline.Source{Reel: "AX", Clip: "gulls & nets.mov", At: 250}},
		{Line: 11, Track: 1, In: 180, Out: 230, Source: timeline.Source{
			Reel: "B001C010", At: 180000, Speed: "12.5 frames a second", Effects: "ASC_SOP (1.1 1.0 0.9)(0 0 0)(1 1 1)\x00",
		}},
		{Line: 14, Track: 1, In: 230, Out: 255, Source: timeline.Source{Reel: "BLACK"}},
		{Line: 15, Track: 1, In: 255, Out: 355, Source: timeline.Source{Reel: "B001C011", At: 270000}},
	} {
		if l.Events[i] != want {
			t.Errorf("event %d is\n%+v, want\n%+v", i, l.Events[i], want)
		}
	}
	// Without a line of its own, the first side is the event that ends there.
	const bare = "001 R1 V C 00:00:10:00 00:00:14:00 01:00:00:00 01:00:04:00\n002 R2 V D 025 00:00:00:00 00:00:02:00 01:00:04:00 01:00:06:00\n"
	if d := edlOf(t, bare, timeline.Options{Rate: pal}).Transitions[0]; d.From.At != 350 || !strings.HasPrefix(d.From.Of, "R1") || d.In != 100 || d.Out != 125 {
		t.Errorf("a dissolve of two lines is %+v", d)
	}
	d, w := l.Transitions[0], l.Transitions[1]
	if d.Kind != "D" || d.In != 80 || d.Out != 104 || d.From.At != 906375 || !strings.Contains(d.From.Of, "A012") || !strings.Contains(d.To.Of, "gulls") {
		t.Errorf("the dissolve is %+v", d)
	}
	if w.Kind != "W001" || w.In != 255 || w.Out != 267 || w.From.Of != "" {
		t.Errorf("the wipe is %+v", w)
	}
}

// TestEDLsDiffer has what an editor does to a list.
func TestEDLsDiffer(t *testing.T) {
	for name, tc := range map[string]struct{ old, new, want string }{
		"nothing":           {"", "", "[]"},
		"other line ends":   {"\n", "\r\n", "[]"},
		"a mark in front":   {"TITLE", "\ufeffTITLE", "[]"},
		"a note":            {"FIX THE SKY", "fixed", "[]"},
		"other numbers":     {"004  BL", "104  BL", "[]"},
		"a clip":            {"TO CLIP NAME:  gulls & nets", "TO CLIP NAME:  gulls & nots", "[{replaced {80 180} {80 180}}]"},
		"a clip of words":   {"TO CLIP NAME:  gulls & nets", "TO CLIP NAME:  \u0250 \u0131", "[{replaced {80 180} {80 180}}]"},
		"a dissolve":        {"D    024", "D    012", "[{replaced {80 104} {80 104}}]"},
		"its other side":    {"C        10:04:15:00 10:04:15:00", "C        10:04:16:00 10:04:16:00", "[{replaced {80 104} {80 104}}]"},
		"a wipe":            {"W001", "W002", "[{replaced {255 267} {255 267}}]"},
		"a speed":           {"012.5", "050.0", "[{replaced {180 230} {180 230}}]"},
		"a grade it tells":  {"1.1 1.0 0.9", "1.1 1.0 1.0", "[{replaced {180 230} {180 230}}]"},
		"a slip":            {"03:00:00:00 03:00:04:00", "03:00:00:10 03:00:04:10", "[{replaced {255 277} {255 267}} {inserted {355 355} {345 355}}]"},
		"a tail":            {"10:04:15:00 01:00:00:00 01:00:03:05", "10:04:14:20 01:00:00:00 01:00:03:00", "[{replaced {75 80} {75 80}}]"},
		"its sound's end":   {"01:00:15:00", "01:00:15:05", "[{inserted {375 375} {375 380}}]"},
		"a treated tail":    {"02:00:01:00 01:00:07:05 01:00:09:05", "02:00:01:00 01:00:07:05 01:00:09:00", "[{replaced {180 230} {180 230}}]"},
		"a speed not told":  {"02:00:00:00 02:00:01:00", "02:00:00:00 02:00:01:10", "[]"},
		"a length not told": {"03:00:00:00 03:00:04:00", "03:00:00:00 03:00:03:00", "[{replaced {255 355} {255 355}}]"},
		// Letters that take fewer bytes as capitals.
		"its letters": {"gulls & nets.mov\n", "\u0131\u0131\n", "[{replaced {80 180} {80 180}}]"},
	} {
		o := timeline.Options{Rate: pal}
		changed := strings.ReplaceAll(reel, tc.old, tc.new)
		if tc.old == "" {
			changed = reel
		} else if changed == reel {
			t.Fatalf("%s: nothing was changed", name)
		}
		d, err := timeline.Compare(edlOf(t, reel, o), edlOf(t, changed, o))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(d.Changes); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// TestEDLsOfManyMakers reads what differs between editors.
func TestEDLsOfManyMakers(t *testing.T) {
	const cut = "001  R1 V C 00:00:00:00 00:00:04:00 01:00:00:00 01:00:04:00\n"
	for name, tc := range map[string]struct {
		text   string
		o      timeline.Options
		length int
		rate   media.Rational
	}{
		"no header":         {cut, timeline.Options{Rate: pal}, 100, pal},
		"tabs":              {strings.ReplaceAll(cut, " ", "\t"), timeline.Options{Rate: pal}, 100, pal},
		"old Mac":           {strings.ReplaceAll(cut+cut[:3], "\n", "\r"), timeline.Options{Rate: pal}, 100, pal},
		"Latin-1":           {"* FROM CLIP NAME: caf\xe9\n" + cut + "* FROM CLIP NAME: caf\xe9\n", timeline.Options{Rate: pal}, 100, pal},
		"UTF-16":            {utf16(cut), timeline.Options{Rate: pal}, 100, pal},
		"drop frame":        {"FCM: DROP FRAME\n001 R1 V C 00:00:00:00 00:00:04:00 01:00:00:00 01:01:00:02\n", timeline.Options{}, 1800, ntsc},
		"semicolons":        {"001 R1 V C 00:00:00:00 00:00:04:00 01:00:00;00 01:01:00;02\n", timeline.Options{}, 1800, ntsc},
		"a faster one":      {"FCM: DROP FRAME\n001 R1 V C 00:00:00:00 00:00:04:00 01:00:00;00 01:01:00;04\n", timeline.Options{Rate: fast}, 3600, fast},
		"a reel with words": {strings.ReplaceAll(cut, "R1", "Reel one (V2)"), timeline.Options{Rate: pal}, 100, pal},
		"numbers past 999":  {strings.ReplaceAll(cut, "001", "001024"), timeline.Options{Rate: pal}, 100, pal},
		"by source":         {"002  R2 V C 00:00:00:00 00:00:01:00 01:00:04:00 01:00:05:00\n" + cut, timeline.Options{Rate: pal}, 125, pal},
		"a gap":             {cut + "002  R2 V C 00:00:00:00 00:00:01:00 01:00:09:00 01:00:10:00\n", timeline.Options{Rate: pal}, 250, pal},
		"a key":             {cut + "002 R2 V K B 00:00:00:00 00:00:01:00 01:00:04:00 01:00:05:00\n002 R3 V K 010 00:00:00:00 00:00:01:00 01:00:04:00 01:00:05:00\n", timeline.Options{Rate: pal}, 125, pal},
		"two layers":        {cut + strings.ReplaceAll(cut, "V C", "V2 C"), timeline.Options{Rate: pal}, 100, pal},
		"an earlier start":  {cut, timeline.Options{Rate: pal, Start: "00:59:59:00"}, 125, pal},
	} {
		l, err := timeline.Read("list.edl", []byte(tc.text), tc.o)
		if err != nil || l.Length != tc.length || l.Rate != tc.rate {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

func utf16(s string) string {
	out := "\xff\xfe"
	for _, c := range s {
		out += string([]byte{byte(c), byte(c >> 8)})
	}
	return out
}

// TestMistakesInEDLsAreTold wants file and line, and what to do.
func TestMistakesInEDLsAreTold(t *testing.T) {
	const cut = "001  R1 V C 00:00:00:00 00:00:04:00 01:00:00:00 01:00:04:00\n"
	o := timeline.Options{Rate: pal}
	for name, tc := range map[string]struct {
		text string
		o    timeline.Options
		says string
	}{
		"nothing":              {"", o, "list.edl: it has no event"},
		"prose":                {"TITLE: x\nhello\n", o, "list.edl: it has no event"},
		"no rate":              {cut, timeline.Options{}, "list.edl: an EDL doesn't tell its frame rate (name it: --rate 25)"},
		"mixed counting":       {"FCM: NON-DROP FRAME\n" + cut + "FCM: DROP FRAME\n", o, "list.edl:3: the counting changes from non-drop to drop frame"},
		"a mark too many":      {"FCM: NON-DROP FRAME\n" + strings.ReplaceAll(cut, "00:04:00\n", "00:04;00\n"), o, "list.edl:2: it has drop-frame timecode"},
		"some marks":           {strings.ReplaceAll(cut, "01:00:04:00", "01:00:04;00") + "002 R1 V C 00:00:00:00 00:00:01:00 01:01:00:00 01:01:01:00", timeline.Options{Rate: ntsc}, "list.edl:2: 01:01:00:00 is a timecode that drop-frame counting leaves out"},
		"drop at 25":           {"FCM: DROP FRAME\n" + cut, o, "counts in drop frame, which 25/1 has not"},
		"another rate":         {strings.ReplaceAll(cut, "01:00:04:00", "01:00:03:29"), o, "list.edl:1: 01:00:03:29 has the frame 29, at 25"},
		"backwards":            {"001  R1 V C 00:00:00:00 00:00:04:00 01:00:04:00 01:00:00:00", o, "list.edl:1: its record out 01:00:00:00 is before its record in"},
		"overlapping":          {cut + "\n002  R2 V C 00:00:00:00 00:00:04:00 01:00:03:00 01:00:07:00", o, "list.edl:3: it is shown from 01:00:03:00 on, while the event of line 1 is until 01:00:04:00"},
		"no event":             {cut + "002  R2 V C 00:00:00:00 01:00:03:00 01:00:07:00", o, "list.edl:2: \"002  R2 V C 00:00:00:00"},
		"an odd edit":          {strings.ReplaceAll(cut, "V C", "V X"), o, "list.edl:1: \"001  R1 V X"},
		"sound alone":          {strings.ReplaceAll(cut, "V C", "A C"), o, "list.edl: it has no picture"},
		"a lonely speed":       {"M2 R1 12.5 00:00:00:00\n", o, "list.edl:1: a speed (M2) without an event"},
		"markers":              {markersEDL, timeline.Options{Rate: cine}, "list.edl:4: it lists markers, not the events of a timeline (use it with --ranges)"},
		"a start too late":     {cut, timeline.Options{Rate: pal, Start: "01:00:01:00"}, "list.edl:1: 01:00:00:00 is before the film begins at 01:00:01:00"},
		"a start that is none": {cut, timeline.Options{Rate: pal, Start: "1h"}, "list.edl: the start can't be used"},
	} {
		l, err := timeline.Read("list.edl", []byte(tc.text), tc.o)
		if err == nil || !strings.Contains(err.Error(), tc.says) || fault.Of(err) != fault.User {
			t.Errorf("%s: %+v, %v, want %s", name, l, err, tc.says)
		}
	}
}

func FuzzEDL(f *testing.F) {
	f.Add(reel)
	f.Add(markersEDL)
	f.Add(strings.ReplaceAll(reel, "NON-DROP", "DROP"))
	f.Add("001 R1 V D 010 00:00:00:00 00:00:04:00 01:00:00:00 01:00:04:00\n")
	f.Add("001 R1 V K B 00:00:00:00 00:00:04:00 01:00:00;00 99:00:04;00\nM2 R1 -1 x\n")
	f.Fuzz(func(t *testing.T, text string) { sound(t, "list.edl", text) })
}

// sound checks what holds for every list that is read: it has the frames that it shows,
// and is the same as itself.
func sound(t *testing.T, name, text string) {
	t.Helper()
	for _, o := range []timeline.Options{{}, {Rate: ntsc}} {
		l, err := timeline.Read(name, []byte(text), o)
		if err != nil {
			if fault.Of(err) != fault.User || !strings.HasPrefix(err.Error(), name) {
				t.Errorf("it is refused by %v", err)
			}
			continue
		}
		d, err := timeline.Compare(l, l)
		if err != nil || len(d.Changes) > 0 || len(d.Same) != 1 || d.Same[0].N != l.Length {
			t.Errorf("%+v differs from itself: %+v, %v", l, d, err)
		}
	}
}
