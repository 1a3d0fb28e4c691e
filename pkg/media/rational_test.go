package media_test

import (
	"encoding/json"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/media"
)

func TestParseRational(t *testing.T) {
	for text, want := range map[string]media.Rational{
		"30000/1001": {Num: 30000, Den: 1001}, "30000:1001": {Num: 30000, Den: 1001}, "25": {Num: 25, Den: 1},
		"0/0": {}, "-1/2": {Num: -1, Den: 2}, "0:1": {Num: 0, Den: 1},
	} {
		if got, err := media.ParseRational(text); err != nil || got != want {
			t.Errorf("%q: %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "/", "1/", "/1", "a", "1/b", "1/2/3", "1:2:3", "1.5", " 1", "9223372036854775808"} {
		if got, err := media.ParseRational(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func FuzzParseRational(f *testing.F) {
	for _, s := range []string{"30000/1001", "1:2", "25", "-1/-9223372036854775808", "1/2:3", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := media.ParseRational(text)
		if err != nil {
			return
		}
		if again, err := media.ParseRational(r.String()); err != nil || again != r {
			t.Errorf("%q: %s, read again %s, %v", text, r, again, err)
		}
	})
}

func positive() *rapid.Generator[media.Rational] {
	return rapid.Custom(func(t *rapid.T) media.Rational {
		return media.Rational{Num: rapid.Int64Range(1, 1_000_000).Draw(t, "num"), Den: rapid.Int64Range(1, 1_000_000_000).Draw(t, "den")}
	})
}

func TestRationalInJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := media.Rational{Num: rapid.Int64().Draw(t, "num"), Den: rapid.Int64().Draw(t, "den")}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got media.Rational
		if err := json.Unmarshal(b, &got); err != nil || got != want {
			t.Fatalf("%s: %s, %v", b, got, err)
		}
	})
}

// Rescale gives the nearest tick: it is off by half a tick at most.
func TestRescaleRoundsToTheNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := positive().Draw(t, "from"), positive().Draw(t, "to")
		v := rapid.Int64Range(-1_000, 1_000).Draw(t, "ticks")
		exact := new(big.Rat).Mul(big.NewRat(v, 1), new(big.Rat).Mul(big.NewRat(from.Num, from.Den), big.NewRat(to.Den, to.Num)))
		got := new(big.Rat).SetInt64(from.Rescale(v, to))
		off := new(big.Rat).Sub(got, exact)
		if off.Abs(off).Cmp(big.NewRat(1, 2)) > 0 {
			t.Fatalf("%d × %s in %s: %s, exactly %s", v, from, to, got.FloatString(3), exact.FloatString(3))
		}
	})
}

func TestRescaleToFinerAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := positive().Draw(t, "from")
		finer := media.Rational{Num: from.Num, Den: from.Den * rapid.Int64Range(1, 1<<20).Draw(t, "times")}
		v := rapid.Int64Range(-1<<40, 1<<40).Draw(t, "ticks")
		if got := finer.Rescale(from.Rescale(v, finer), from); got != v {
			t.Fatalf("%d × %s by way of %s: %d", v, from, finer, got)
		}
	})
}

func TestRescaleHalvesGoAwayFromZero(t *testing.T) {
	half, one := media.Rational{Num: 1, Den: 2}, media.Rational{Num: 1, Den: 1}
	for v, want := range map[int64]int64{1: 1, -1: -1, 2: 1, 3: 2, -3: -2, 0: 0} {
		if got := half.Rescale(v, one); got != want {
			t.Errorf("%d halves: %d, want %d", v, got, want)
		}
	}
}

func TestFloatAndValid(t *testing.T) {
	for r, want := range map[media.Rational]float64{
		{Num: 30000, Den: 1001}: 30000.0 / 1001, {Num: 1, Den: 0}: 0, {}: 0, {Num: 0, Den: 1}: 0,
	} {
		if r.Float() != want || r.Valid() != (want > 0) {
			t.Errorf("%s: %g, %v", r, r.Float(), r.Valid())
		}
	}
	if r := (media.Rational{Num: 25, Den: 1}).Inv(); r != (media.Rational{Num: 1, Den: 25}) {
		t.Errorf("inverse %s", r)
	}
}

func TestInterlaced(t *testing.T) {
	for order, want := range map[string]bool{
		"": false, "unknown": false, "progressive": false, "tt": true, "bb": true, "tb": true, "bt": true,
	} {
		if got := (media.Picture{FieldOrder: order}).Interlaced(); got != want {
			t.Errorf("%q: %v", order, got)
		}
	}
}
