package timeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/timeline"
)

// markersEDL is DaVinci Resolve's list of timeline markers.
const markersEDL = `TITLE: Harbour v4
FCM: NON-DROP FRAME

001  001      V     C        01:00:10:00 01:00:10:01 01:00:10:00 01:00:10:01  
sky too bright |C:ResolveColorBlue |M:Sky |D:48

002  001      V     C        01:00:20:12 01:00:20:13 01:00:20:12 01:00:20:13  
 |C:ResolveColorRed |M:Marker 2 |D:1

003  001      V     C        01:00:30:00 01:00:30:01 01:00:30:00 01:00:30:01  
2. pont |C:ResolveColorGreen |M:Bridge | deck |D:24
`

func TestRanges(t *testing.T) {
	hour := timeline.Options{Rate: cine, Start: "01:00:00:00"}
	for name, tc := range map[string]struct {
		file, text string
		o          timeline.Options
		want       string
	}{
		"Resolve's markers": {"m.edl", markersEDL, hour, "[{{240 288} 4 Sky } {{492 493} 7 Marker 2 } {{720 744} 10 Bridge | deck }]"},
		"events":            {"m.edl", reel, timeline.Options{Rate: pal, Start: "01:00:00:00"}, "[{{0 80} 4 A012C003_190412_R2EC } {{80 180} 8 A012C003_190412_R2EC } {{180 230} 11 B001C010 } {{230 255} 14 BL } {{255 355} 15 B001C011 }]"},
		"a table": {
			"m.csv", "in,out,fix,note\n01:00:10:00,01:00:12:00,sky.mov,\"the sky, again\"\n# not yet\n\n5.5,6,b.mov,\n", hour,
			"[{{132 144} 5  b.mov} {{240 288} 2 the sky, again sky.mov}]",
		},
		"without a header": {"m.csv", "240f,288f,sky.mov,Sky\n", hour, "[{{240 288} 1 Sky sky.mov}]"},
		"semicolons":       {"m.csv", "Start;Duration;Name\n00:00:10:00;00:00:02:00;Sky\n", timeline.Options{Rate: cine}, "[{{240 288} 2 Sky }]"},
		"drop frame":       {"m.csv", "00:01:00;02,00:01:01;02\n", timeline.Options{Rate: ntsc}, "[{{1800 1830} 1  }]"},
		"tabs in UTF-16":   {"m.csv", utf16("Marker Name\tDescription\tIn\tOut\tDuration\tMarker Type\nSky\t\t01:00:10:00\t01:00:12:00\t00:00:02:00\tComment\n"), hour, "[{{240 288} 2 Sky }]"},
		"Resolve's index": {"m.csv", "#,Reel,Match,V,C,Dur,Source In,Source Out,Record In,Record Out,Name,Comments\n" +
			"1,A012,,V1,C,00:00:02:00,10:00:00:00,10:00:02:00,01:00:10:00,01:00:12:00,sky.mov,too bright\n", hour, "[{{240 288} 2 sky.mov }]"},
		"by what it holds": {"list.txt", markersEDL, hour, "[{{240 288} 4 Sky } {{492 493} 7 Marker 2 } {{720 744} 10 Bridge | deck }]"},
	} {
		got, err := timeline.Ranges(tc.file, []byte(tc.text), tc.o)
		var all []string
		for _, r := range got {
			all = append(all, fmt.Sprintf("{{%d %d} %d %s %s}", r.From, r.To, r.Line, r.Name, r.File))
		}
		if text := fmt.Sprint(all); err != nil || text != tc.want {
			t.Errorf("%s: %s, %v, want %s", name, text, err, tc.want)
		}
	}
}

func TestMistakesInRangesAreTold(t *testing.T) {
	o := timeline.Options{Rate: pal}
	for name, tc := range map[string]struct {
		file, text string
		o          timeline.Options
		says       string
	}{
		"no rate":          {"m.csv", "0f,1f", timeline.Options{}, "m.csv: a list of markers doesn't tell the frame rate"},
		"nothing":          {"m.csv", "in,out\n", o, "m.csv: it names no range"},
		"no columns":       {"m.csv", "a,b\n", o, "m.csv:1: no column tells"},
		"no time":          {"m.csv", "in,out\n0f,x\n", o, "m.csv:2: \"x\" is neither a timecode nor seconds"},
		"a torn quote":     {"m.csv", "in,out\n\"0f,1f\n", o, "m.csv:"},
		"no length":        {"m.csv", "in,duration\n5s,0\n", o, "m.csv:2: it has no length"},
		"backwards":        {"m.csv", "in,out\n5s,4s\n", o, "m.csv:2: it has no length"},
		"overlapping":      {"m.csv", "in,out\n3s,9s\n0s,4s\n", o, "m.csv:2: it begins before that of line 3 ends"},
		"before the film":  {"m.csv", "in,out\n00:00:01:00,00:00:02:00\n", timeline.Options{Rate: pal, Start: "01:00:00:00"}, "m.csv:2: it begins before the film does"},
		"a start in words": {"m.csv", "0f,1f", timeline.Options{Rate: pal, Start: "one"}, "m.csv: \"one\" is no timecode"},
		"a lonely marker":  {"m.edl", " |C:ResolveColorBlue |M:x |D:1\n", o, "m.edl:1: a marker without an event"},
		"a long marker":    {"m.edl", "001 001 V C 00:00:00:00 00:00:00:01 00:00:00:00 00:00:00:01\n|C:ResolveColorBlue |M:x |D:99999999999\n", o, "m.edl:2: the marker's duration"},
	} {
		got, err := timeline.Ranges(tc.file, []byte(tc.text), tc.o)
		if err == nil || !strings.Contains(err.Error(), tc.says) || fault.Of(err) != fault.User {
			t.Errorf("%s: %+v, %v, want %s", name, got, err, tc.says)
		}
	}
}

func TestTablesAreNoTimelines(t *testing.T) {
	if _, err := timeline.Read("m.csv", []byte("in,out\n"), timeline.Options{Rate: pal}); err == nil || !strings.Contains(err.Error(), "m.csv: it is no timeline") {
		t.Error(err)
	}
}

func FuzzRanges(f *testing.F) {
	f.Add("m.edl", markersEDL)
	f.Add("m.csv", "in,out,fix\n01:00:10:00,01:00:12:00,a.mov\n")
	f.Add("m", "Start;Duration\n1;2\n")
	f.Add("m.csv", utf16("In\tOut\n0f\t1f\n"))
	f.Add("m.csv", "#,Record In,Record Out\n1,1e9,0x1p9\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		all, err := timeline.Ranges(name, []byte(text), timeline.Options{Rate: ntsc, Start: "00:00:01:00"})
		if err != nil {
			if fault.Of(err) != fault.User {
				t.Errorf("it is refused by %v", err)
			}
			return
		}
		end := 0
		for _, r := range all {
			if r.From < end || r.To <= r.From || r.Line < 1 {
				t.Errorf("%+v has a range out of order", all)
			}
			end = r.To
		}
	})
}
