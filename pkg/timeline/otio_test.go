package timeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/timeline"
)

func at(value, rate string) string {
	return `{"OTIO_SCHEMA": "RationalTime.1", "value": ` + value + `, "rate": ` + rate + `}`
}

func span(start, long string) string {
	return `{"OTIO_SCHEMA": "TimeRange.1", "start_time": ` + at(start, "24") + `, "duration": ` + at(long, "24.0") + `}`
}

// stack is a timeline of OpenTimelineIO: clips of both versions of the schema, a dissolve,
// a gap, a retimed clip, a nested stack, a second layer, sound.
var stack = `{
  "OTIO_SCHEMA": "Timeline.1", "name": "Harbour v4", "metadata": {"by": "x"},
  "global_start_time": ` + at("86400", "24") + `,
  "tracks": {"OTIO_SCHEMA": "Stack.1", "name": "tracks", "source_range": null, "effects": [], "markers": [], "children": [
    {"OTIO_SCHEMA": "Track.1", "name": "V1", "kind": "Video", "source_range": null, "effects": [], "markers": [], "children": [
      {"OTIO_SCHEMA": "Clip.2", "name": "harbour", "source_range": ` + span("100", "96") + `, "effects": [], "markers": [], "enabled": true,
        "media_references": {"DEFAULT_MEDIA": {"OTIO_SCHEMA": "ExternalReference.1", "target_url": "file:///m/harbour.mov"}}, "active_media_reference_key": "DEFAULT_MEDIA"},
      {"OTIO_SCHEMA": "Transition.1", "name": "", "transition_type": "SMPTE_Dissolve", "in_offset": ` + at("6", "24") + `, "out_offset": ` + at("12", "24") + `},
      {"OTIO_SCHEMA": "Clip.1", "name": "gulls", "source_range": null, "media_reference": {"OTIO_SCHEMA": "ExternalReference.1", "target_url": "gulls.mov", "available_range": ` + span("0", "48") + `}},
      {"OTIO_SCHEMA": "Gap.1", "source_range": ` + span("0", "24") + `},
      {"OTIO_SCHEMA": "Clip.2", "name": "slow", "source_range": ` + span("0", "48") + `,
        "effects": [{"OTIO_SCHEMA": "LinearTimeWarp.1", "name": "", "metadata": {}, "effect_name": "LinearTimeWarp", "time_scalar": 0.5}],
        "media_references": {"DEFAULT_MEDIA": {"OTIO_SCHEMA": "ExternalReference.1", "target_url": "nets.mov"}}},
      {"OTIO_SCHEMA": "Stack.1", "name": "nested", "children": [
        {"OTIO_SCHEMA": "Clip.2", "name": "inner", "source_range": ` + span("0", "24") + `, "media_references": {"DEFAULT_MEDIA": {"OTIO_SCHEMA": "MissingReference.1"}}}]}
    ]},
    {"OTIO_SCHEMA": "Track.1", "name": "V2", "kind": "Video", "children": [
      {"OTIO_SCHEMA": "Gap.1", "source_range": ` + span("0", "24") + `},
      {"OTIO_SCHEMA": "Clip.2", "name": "title", "source_range": ` + span("0", "24") + `,
        "media_references": {"DEFAULT_MEDIA": {"OTIO_SCHEMA": "GeneratorReference.1", "generator_kind": "Text", "parameters": {"text": "Harbour"}}}}
    ]},
    {"OTIO_SCHEMA": "Track.1", "name": "A1", "kind": "Audio", "children": [
      {"OTIO_SCHEMA": "Clip.2", "name": "wind", "source_range": ` + span("0", "250.5") + `}
    ]}
  ]}
}`

func TestOTIO(t *testing.T) {
	l, err := timeline.Read("a.otio", []byte(stack), timeline.Options{Rate: cine})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range l.Events {
		got = append(got, fmt.Sprintf("%d: %d-%d on %d, %s at %d%s", e.Line, e.In, e.Out, e.Track, e.Clip, e.At, e.Speed))
	}
	want := "6: 0-96 on 1, Clip at 100|9: 96-144 on 1, Clip at 0|11: 168-216 on 1, Clip at 0retimed|14: 216-240 on 1, Stack at 0|19: 24-48 on 2, Clip title at 0"
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("the events are\n%s, want\n%s", s, want)
	}
	if l.Text(l.Start) != "01:00:00:00" || l.Length != 250 || l.Rate != cine {
		t.Errorf("%s, %d frames at %s", l.Text(l.Start), l.Length, l.Rate)
	}
	if len(l.Transitions) != 1 || l.Transitions[0].In != 90 || l.Transitions[0].Out != 108 || l.Transitions[0].From.At != 190 || l.Transitions[0].To.At != -6 {
		t.Errorf("the transitions are %+v", l.Transitions)
	}
}

func TestOTIOsDiffer(t *testing.T) {
	read := func(text string) *timeline.Timeline {
		l, err := timeline.Read("a.otio", []byte(text), timeline.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for name, tc := range map[string]struct{ old, new, want string }{
		"metadata":        {`{"by": "x"}`, `{"by": "y"}`, "[]"},
		"a clip's name":   {`"name": "harbour"`, `"name": "pier"`, "[]"},
		"its file":        {"harbour.mov", "pier.mov", "[{replaced {0 108} {0 108}}]"},
		"a dissolve":      {"SMPTE_Dissolve", "Custom_Transition", "[{replaced {90 108} {90 108}}]"},
		"a speed":         {`"time_scalar": 0.5`, `"time_scalar": 0.25`, "[{replaced {168 216} {168 216}}]"},
		"a nested clip":   {`"MissingReference.1"`, `"MissingReference.1", "name": "x"`, "[{replaced {216 240} {216 240}}]"},
		"a title's text":  {`"text": "Harbour"`, `"text": "Harbor"`, "[{replaced {24 48} {24 48}}]"},
		"hidden":          {`"name": "title"`, `"name": "title", "enabled": false`, "[{replaced {24 48} {24 48}}]"},
		"a track's grade": {`"name": "V1", "kind": "Video", "source_range": null, "effects": []`, `"name": "V1", "kind": "Video", "effects": [{"OTIO_SCHEMA": "Effect.1", "effect_name": "grade"}]`, "[{replaced {0 144} {0 144}} {replaced {168 240} {168 240}}]"},
		"a title's end": {span("0", "24") + `,
        "media_references": {"DEFAULT_MEDIA": {"OTIO_SCHEMA": "Gen`, span("0", "20") + `,
        "media_references": {"DEFAULT_MEDIA": {"OTIO_SCHEMA": "Gen`, "[{replaced {24 48} {24 48}}]"},
		"a trim": {span("100", "96"), span("100", "90"), "[{replaced {84 108} {84 102}}]"},
	} {
		changed := strings.ReplaceAll(stack, tc.old, tc.new)
		if changed == stack {
			t.Fatalf("%s: nothing was changed", name)
		}
		d, err := timeline.Compare(read(stack), read(changed))
		var pictures []timeline.Change // the sound goes on behind them
		for _, c := range d.Changes {
			if c.Old.From < 240 {
				pictures = append(pictures, c)
			}
		}
		if err != nil || fmt.Sprint(pictures) != tc.want {
			t.Errorf("%s: %+v, %v, want %s", name, pictures, err, tc.want)
		}
	}
}

func TestMistakesInOTIOAreTold(t *testing.T) {
	for name, tc := range map[string]struct{ old, new, says string }{
		"no JSON":        {`"harbour",`, `"harbour"`, "a.otio:6: it is no OpenTimelineIO"},
		"a clip alone":   {`"Timeline.1"`, `"Clip.2"`, `a.otio:1: it is a "Clip.2" and no Timeline`},
		"another rate":   {at("86400", "24"), at("86400", "25"), "its frame rate is 25/1, not 24/1"},
		"no duration":    {`"duration": ` + at("96", "24.0"), `"long": 1`, "a.otio:6: a range has no start_time or no duration"},
		"no value":       {`"value": 96`, `"value": "96"`, "a.otio:6: it is no RationalTime"},
		"negative":       {`"value": 96`, `"value": -96`, "a.otio:6: a duration is negative"},
		"off the frames": {`"value": 96`, `"value": 96.5`, `a.otio:6: the Clip "harbour" doesn't begin or end with a frame`},
		"an eternity":    {`"value": 96`, `"value": 1e300`, "a.otio:6: it is no RationalTime"},
		"a long one":     {`"value": 96`, `"value": 1e11`, "a.otio:6: it lies more than a hundred hours away"},
		"no range":       {`"source_range": null, "media_reference"`, `"media_refrence"`, `a.otio:9: the Clip "gulls" has no source_range`},
		"trimmed":        {`"name": "tracks", "source_range": null`, `"name": "tracks", "source_range": ` + span("0", "1"), "a.otio:4: the stack of its tracks is trimmed"},
		"no picture":     {`"Video"`, `"Audio"`, "a.otio: it has no picture"},
	} {
		l, err := timeline.Read("a.otio", []byte(strings.ReplaceAll(stack, tc.old, tc.new)), timeline.Options{Rate: cine})
		if err == nil || !strings.Contains(err.Error(), tc.says) || fault.Of(err) != fault.User {
			t.Errorf("%s: %+v, %v, want %s", name, l, err, tc.says)
		}
	}
	for _, text := range []string{stack + "{}", "[]", "7", strings.Repeat("[", 1000)} {
		if l, err := timeline.OTIO("a.otio", []byte(text), timeline.Options{}); err == nil || !strings.Contains(err.Error(), "it is no OpenTimelineIO") {
			t.Errorf("%.20q…: %+v, %v", text, l, err)
		}
	}
}

func FuzzOTIO(f *testing.F) {
	f.Add(stack)
	f.Add(`{"OTIO_SCHEMA":"Timeline.1","tracks":{"children":[{"OTIO_SCHEMA":"Track.1","kind":"Video","children":[{"OTIO_SCHEMA":"Clip.2","source_range":` + span("-1", "0.5") + `}]}]}}`)
	f.Add(`{"OTIO_SCHEMA":"SerializableCollection.1","children":[{"OTIO_SCHEMA":"Timeline.1","tracks":{}}]}`)
	f.Fuzz(func(t *testing.T, text string) { sound(t, "a.otio", text) })
}
