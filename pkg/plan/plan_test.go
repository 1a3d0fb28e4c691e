package plan_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/plan"
)

// times draws increasing times: mostly of one step, as film has it.
func times() *rapid.Generator[[]int64] {
	return rapid.Custom(func(t *rapid.T) []int64 {
		v, step := rapid.Int64Range(-1<<40, 1<<40).Draw(t, "first"), rapid.Int64Range(1, 1<<20).Draw(t, "step")
		var out []int64
		for range rapid.IntRange(0, 60).Draw(t, "count") {
			out = append(out, v)
			if rapid.IntRange(0, 9).Draw(t, "change") == 0 {
				step = rapid.Int64Range(1, 1<<20).Draw(t, "step")
			}
			v += step
		}
		return out
	})
}

func TestTimesAreWhatWasGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := times().Draw(t, "times")
		got := plan.NewTimes(want)
		check := func(how string, got plan.Times) {
			var all []int64
			for i, v := range got.All() {
				if i != len(all) {
					t.Fatalf("%s: number %d comes after %d", how, i, len(all)-1)
				}
				all = append(all, v)
			}
			if !slices.Equal(all, want) || got.Len() != len(want) || len(want) > 0 && got.First() != want[0] {
				t.Fatalf("%s: %v, want %v", how, all, want)
			}
		}
		check("as given", got)
		b, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var again plan.Times
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		check("written and read", again)
		origin := rapid.Int64Range(-1000, 1000).Draw(t, "origin")
		for i, v := range got.Slice(origin) {
			if v != want[i]-origin {
				t.Fatalf("time %d less %d is %d", i, origin, v)
			}
		}
		if n := rapid.IntRange(0, len(want)).Draw(t, "stop"); n < len(want) {
			for i := range got.All() { // a loop may end early
				if i == n {
					break
				}
			}
		}
	})
}

func TestTimesOfAConstantRateAreShort(t *testing.T) {
	all := make([]int64, 200_000)
	for i := range all {
		all[i] = int64(i) * 1001
	}
	if b, err := json.Marshal(plan.NewTimes(all)); err != nil || string(b) != "[0,1001,199999]" {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestTimesRefuse(t *testing.T) {
	for _, text := range []string{
		`[1,2]`, `[1,2,3,4]`, `[1,1,0]`, `[1,1,-1]`, `[1,1,1e9]`, `[0,1,72576000,1,1]`, `[1.5]`, `["1"]`, `{}`, `[1,1,9223372036854775807]`,
	} {
		var got plan.Times
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is read as %d times", text, got.Len())
		}
	}
}

func whole() plan.Plan {
	return plan.Plan{
		Version: plan.Version, Job: "j", TimeBase: media.Rational{Num: 1, Den: 25}, End: 13,
		Segments: []plan.Segment{{Digest: "d", Times: plan.NewTimes([]int64{3, 4, 5})}, {Times: plan.NewTimes([]int64{6, 9})}},
		Audio:    []plan.Audio{{Codec: "copy"}, {Codec: "aac", Key: "k"}},
	}
}

func TestCheck(t *testing.T) {
	for want, change := range map[string]func(*plan.Plan){
		"":                                   func(*plan.Plan) {},
		"version 7":                          func(p *plan.Plan) { p.Version = 7 },
		"timebase 1/0":                       func(p *plan.Plan) { p.TimeBase.Den = 0 },
		"timebase 0/0":                       func(p *plan.Plan) { p.TimeBase = media.Rational{} },
		"no segments":                        func(p *plan.Plan) { p.Segments = nil },
		"segment 1 owns no frame":            func(p *plan.Plan) { p.Segments[1].Times = plan.Times{} },
		"time 5 in segment 1 does not":       func(p *plan.Plan) { p.Segments[1].Times = plan.NewTimes([]int64{5, 6}) },
		"time 3 in segment 1 does not":       func(p *plan.Plan) { p.Segments[1] = p.Segments[0] },
		"time 7 in segment 0 does not":       func(p *plan.Plan) { p.Segments[0].Times = plan.NewTimes([]int64{7, 7}) },
		"time 1 in segment 0 does not":       func(p *plan.Plan) { p.Segments[0].Times = plan.NewTimes([]int64{2, 1}) },
		"ends at 9, before its last frame":   func(p *plan.Plan) { p.End = 9 },
		"ends at -1, before its last frame":  func(p *plan.Plan) { p.End = -1 },
		"time -4611686018427387905 in segme": func(p *plan.Plan) { p.Segments[0].Times = overflow() },
	} {
		p := whole()
		change(&p)
		err := p.Check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		b, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plan.Decode(b); (err == nil) != (want == "") {
			t.Errorf("decoded: %v, want %q", err, want)
		}
	}
}

// overflow is a list whose times leave the range of 64 bits.
func overflow() (t plan.Times) {
	if err := json.Unmarshal([]byte(`[4611686018427387903,4611686018427387904,2]`), &t); err != nil {
		panic(err)
	}
	return t
}

func TestPlanCounts(t *testing.T) {
	p := whole()
	if p.Frames() != 5 || p.Tasks() != 3 || p.Start() != 3 || p.Duration() != 0.4 {
		t.Errorf("%d frames, %d tasks, start %d, %g s", p.Frames(), p.Tasks(), p.Start(), p.Duration())
	}
	if p := (&plan.Plan{}); p.Frames() != 0 || p.Start() != 0 || p.Tasks() != 0 {
		t.Errorf("an empty plan has %d frames from %d", p.Frames(), p.Start())
	}
}

func FuzzDecode(f *testing.F) {
	p := whole()
	b, err := p.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"version":1,"segments":[{"times":[0,1,5]}],"end":6,"time_base":"1/25"}`))
	f.Add([]byte(`{"version":1,"time_base":"1/25","segments":[{"times":[4611686018427387903,4611686018427387904,2]}]}`))
	f.Add([]byte(`{"time_base":"1/"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := plan.Decode(b)
		if err != nil {
			return
		}
		again, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		q, err := plan.Decode(again)
		if err != nil {
			t.Fatalf("%s is refused: %v", again, err)
		}
		if third, err := q.Encode(); err != nil || !bytes.Equal(third, again) {
			t.Errorf("%s becomes %s: %v", again, third, err)
		}
	})
}
