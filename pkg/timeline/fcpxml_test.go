package timeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/timeline"
)

// project is a timeline of Final Cut Pro: clips, a cross dissolve, a title above, a
// secondary storyline, a gap, a compound clip, sound below.
const project = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<fcpxml version="1.11">
  <resources>
    <format id="r1" name="FFVideoFormat1080p2997" frameDuration="1001/30000s" width="1920" height="1080"/>
    <asset id="r2" name="harbour" uid="AA01" start="108108000/30000s" duration="3003000/30000s" hasVideo="1" hasAudio="1" format="r1">
      <media-rep kind="proxy-media" src="file:///Volumes/px/harbour.mov"/>
      <media-rep kind="original-media" src="file:///Volumes/m/harbour.mov"/>
    </asset>
    <asset id="r3" name="gulls" uid="AA02" start="0s" duration="300300/30000s" hasVideo="1" format="r1"><media-rep kind="original-media" src="file:///Volumes/m/gulls.mov"/></asset>
    <asset id="r4" name="wind" uid="AA03" start="0s" duration="900900/30000s" hasAudio="1"><media-rep kind="original-media" src="file:///Volumes/m/wind.wav"/></asset>
    <effect id="r5" name="Cross Dissolve" uid="FxPlug:4731E73A-8DAC-4113-9A30-AE85B1761265"/>
    <effect id="r6" name="Basic Title" uid=".../Titles.localized/Basic Title.moti"/>
    <media id="r7" name="Compound" uid="CC01"><sequence format="r1" duration="60060/30000s" tcStart="0s"><spine><asset-clip ref="r3" offset="0s" start="0s" duration="60060/30000s"/></spine></sequence></media>
  </resources>
  <library location="file:///Users/x/Movies/H.fcpbundle/">
    <event name="H"><project name="Harbour v4" modDate="2024-03-01 10:00:00 +0000">
      <sequence format="r1" duration="450450/30000s" tcStart="107999892/30000s" tcFormat="DF" audioLayout="stereo">
        <spine>
          <asset-clip ref="r2" offset="107999892/30000s" name="harbour" start="108108000/30000s" duration="150150/30000s" tcFormat="NDF">
            <asset-clip ref="r4" lane="-1" offset="108108000/30000s" name="wind" duration="450450/30000s" audioRole="effects"/>
            <title ref="r6" lane="1" offset="108138030/30000s" name="Lower third" start="3600s" duration="30030/30000s">
              <param name="Position" key="9999/1/1" value="0 -400"/>
              <text><text-style ref="ts1">Harbour</text-style></text>
              <text-style-def id="ts1"><text-style font="Helvetica" fontSize="63"/></text-style-def>
            </title>
            <marker start="108120000/30000s" duration="1001/30000s" value="too bright"/>
          </asset-clip>
          <transition name="Cross Dissolve" offset="108135027/30000s" duration="30030/30000s"><filter-video ref="r5" name="Cross Dissolve"/></transition>
          <asset-clip ref="r3" offset="108150042/30000s" name="gulls" start="30030/30000s" duration="90090/30000s">
            <adjust-color><param name="exposure" value="0.1"/></adjust-color>
            <spine lane="2" offset="60060/30000s"><asset-clip ref="r2" offset="0s" name="inset" start="108108000/30000s" duration="15015/30000s"/></spine>
          </asset-clip>
          <gap name="Gap" offset="108240132/30000s" start="3600s" duration="30030/30000s"/>
          <ref-clip ref="r7" offset="108270162/30000s" name="Compound" duration="60060/30000s"/>
          <asset-clip ref="r2" offset="108330222/30000s" name="retimed" start="108108000/30000s" duration="120120/30000s">
            <timeMap><timept time="0s" value="0s" interp="smooth2"/><timept time="4s" value="8s" interp="smooth2"/></timeMap>
          </asset-clip>
        </spine>
      </sequence>
    </project></event>
  </library>
</fcpxml>
`

func TestFCPXML(t *testing.T) {
	l, err := timeline.Read("Info.fcpxml", []byte(project), timeline.Options{Rate: ntsc})
	if err != nil {
		t.Fatal(err)
	}
	if l.Text(l.Start) != "01:00:00;00" || l.Length != 450 || l.Rate != ntsc {
		t.Errorf("%s, %d frames at %s", l.Text(l.Start), l.Length, l.Rate)
	}
	var got []string
	for _, e := range l.Events {
		got = append(got, fmt.Sprintf("%d: %d-%d on %d, %s at %d%s", e.Line, e.In, e.Out, e.Track, e.Clip, e.At, e.Speed))
	}
	want := "20: 0-150 on 0, asset-clip at 108000|22: 30-60 on 1, title at 107892|30: 150-240 on 0, asset-clip at 30|" +
		"32: 180-195 on 2, asset-clip at 108000|35: 270-330 on 0, ref-clip at 0|36: 330-450 on 0, asset-clip at 108000retimed"
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("the events are\n%s, want\n%s", s, want)
	}
	if len(l.Transitions) != 1 || l.Transitions[0].In != 135 || l.Transitions[0].Out != 165 || l.Transitions[0].From.At != 108135 || l.Transitions[0].To.At != -15 {
		t.Errorf("the transitions are %+v", l.Transitions)
	}
}

func TestFCPXMLsDiffer(t *testing.T) {
	read := func(text string) *timeline.Timeline {
		l, err := timeline.Read("a.fcpxml", []byte(text), timeline.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for name, tc := range map[string]struct{ old, new, want string }{
		"other ids":       {`"r2"`, `"r22"`, "[]"},
		"other styles":    {`"ts1"`, `"ts9"`, "[]"},
		"a newer version": {`version="1.11"`, `version="1.13"`, "[]"},
		"a marker":        {"too bright", "fixed", "[]"},
		"the sound":       {`wind.wav`, `rain.wav`, "[]"},
		"a clip's name":   {`name="inset"`, `name="inlay"`, "[]"},
		"a clip":          {"m/gulls.mov", "m/gulls2.mov", "[{replaced {135 240} {135 240}} {replaced {270 330} {270 330}}]"},
		"a title's text":  {">Harbour<", ">Harbor<", "[{replaced {30 60} {30 60}}]"},
		"a title's font":  {"Helvetica", "Futura", "[{replaced {30 60} {30 60}}]"},
		"a grade it has":  {`value="0.1"`, `value="0.2"`, "[{replaced {135 240} {135 240}}]"},
		"a dissolve":      {"FxPlug:4731E73A", "FxPlug:4731E73B", "[{replaced {135 165} {135 165}}]"},
		"a compound clip": {`<spine><asset-clip ref="r3" offset="0s" start="0s"`, `<spine><asset-clip ref="r3" offset="0s" start="1s"`, "[{replaced {270 330} {270 330}}]"},
		"a speed":         {`value="8s"`, `value="9s"`, "[{replaced {330 450} {330 450}}]"},
		"a treated tail":  {`start="30030/30000s" duration="90090/30000s"`, `start="30030/30000s" duration="60060/30000s"`, "[{replaced {135 240} {135 210}} {inserted {270 270} {240 270}}]"},
		"a title's tail":  {`start="3600s" duration="30030/30000s">`, `start="3600s" duration="20020/30000s">`, "[{replaced {30 60} {30 60}}]"},
		"a compound tail": {`name="Compound" duration="60060/30000s"`, `name="Compound" duration="40040/30000s"`, "[{replaced {310 330} {310 330}}]"},
		"hidden":          {`name="inset"`, `name="inset" enabled="0"`, "[{replaced {180 195} {180 195}}]"},
	} {
		changed := strings.ReplaceAll(project, tc.old, tc.new)
		if changed == project {
			t.Fatalf("%s: nothing was changed", name)
		}
		d, err := timeline.Compare(read(project), read(changed))
		if err != nil || fmt.Sprint(d.Changes) != tc.want {
			t.Errorf("%s: %+v, %v, want %s", name, d.Changes, err, tc.want)
		}
	}
}

func TestMistakesInFCPXMLAreTold(t *testing.T) {
	for name, tc := range map[string]struct {
		old, new string
		says     string
	}{
		"no XML":          {"</library>", "", "a.fcpxml:"},
		"another format":  {"fcpxml", "xmeml", "a.fcpxml: it is no FCPXML"},
		"too old":         {`version="1.11"`, `version="1.7"`, `a.fcpxml:3: its version is "1.7" (export it as FCPXML 1.8 to 1.13)`},
		"too new":         {`version="1.11"`, `version="1.14"`, `its version is "1.14"`},
		"two projects":    {"</project>", "</project>" + `<project><sequence format="r1"><spine/></sequence></project>`, "it holds 2 projects"},
		"no format":       {`<sequence format="r1" duration="450450`, `<sequence format="r9" duration="450450`, "a.fcpxml:18: the sequence's format tells no frame rate"},
		"no time":         {`duration="90090/30000s"`, `duration="90090"`, `a.fcpxml:30: duration: "90090" is no time`},
		"a fraction of 0": {`duration="90090/30000s"`, `duration="90090/000s"`, `a.fcpxml:30: duration:`},
		"off the frames":  {`duration="90090/30000s"`, `duration="90590/30000s"`, `a.fcpxml:30: the asset-clip "gulls" doesn't begin or end with a frame`},
		"no length":       {`start="3600s" duration="30030/30000s"/>`, `start="3600s"/>`, "a.fcpxml:34: the gap has no duration"},
		"an eternity":     {`duration="90090/30000s"`, `duration="99999999999999s"`, "is no time of a film"},
		"an entity":       {">Harbour<", ">&file;<", "a.fcpxml:24: it is no XML"},
	} {
		l, err := timeline.Read("a.fcpxml", []byte(strings.ReplaceAll(project, tc.old, tc.new)), timeline.Options{Rate: ntsc})
		if err == nil || !strings.Contains(err.Error(), tc.says) || fault.Of(err) != fault.User {
			t.Errorf("%s: %+v, %v, want %s", name, l, err, tc.says)
		}
	}
	if _, err := timeline.Read("a.fcpxml", []byte(project), timeline.Options{Rate: pal}); err == nil || !strings.Contains(err.Error(), "its frame rate is 30000/1001, not 25/1") {
		t.Error(err)
	}
}

func FuzzFCPXML(f *testing.F) {
	f.Add(project)
	f.Add(strings.ReplaceAll(project, `ref="r3" offset="0s" start="0s"`, `ref="r7" offset="0s"`)) // holds itself
	f.Add(`<fcpxml version="1.8"><resources><format id="r1" frameDuration="1/25s"/></resources><project><sequence format="r1"><spine><video duration="1s"/><audition><clip duration="2s"><video/></clip></audition></spine></sequence></project></fcpxml>`)
	f.Fuzz(func(t *testing.T, text string) { sound(t, "a.fcpxml", text) })
}
