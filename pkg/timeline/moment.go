package timeline

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/media"
)

// moment is an exact time, in seconds.
type moment struct{ big.Rat }

func (m *moment) plus(o *moment) *moment  { return &moment{*new(big.Rat).Add(&m.Rat, &o.Rat)} }
func (m *moment) minus(o *moment) *moment { return &moment{*new(big.Rat).Sub(&m.Rat, &o.Rat)} }

var xmlTime = regexp.MustCompile(`^(-?\d{1,15})(\.\d{1,9})?(?:/(\d{1,15}))?s$`)

// parseXMLTime reads a time of FCPXML: seconds as a fraction, such as 1001/30000s.
func parseXMLTime(text string) (*moment, error) {
	m := xmlTime.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil || m[2] != "" && m[3] != "" || m[3] != "" && strings.Trim(m[3], "0") == "" {
		return nil, fmt.Errorf("%.40q is no time", text)
	}
	number := m[1] + m[2]
	if m[3] != "" {
		number += "/" + m[3]
	}
	var t moment
	t.SetString(number) // of that form it is a number
	return &t, nil
}

// momentOf is a value at a rate, as OpenTimelineIO has times.
func momentOf(value, rate float64) (*moment, error) {
	if math.IsNaN(value) || math.Abs(value) > 1e12 || !(rate > 0 && rate < 1e9) {
		return nil, fmt.Errorf("%g at the rate %g is no time", value, rate)
	}
	var t moment
	t.SetFloat64(value)
	r := rateOf(rate)
	t.Mul(&t.Rat, big.NewRat(r.Den, r.Num))
	return &t, nil
}

// rateOf is a rate that was written as a number: that of films where it is near, else as
// it is, to a millionth.
func rateOf(v float64) media.Rational {
	if r, ok := nearest(v); ok {
		return r
	}
	return media.Rational{Num: max(1, int64(math.Round(v*1e6))), Den: 1_000_000}
}

// frames returns how many frames of a rate a time is: the whole ones, and what is left of
// one, "" for nothing. Less than a thousandth of a frame is the rounding of who wrote it.
func (m *moment) frames(rate media.Rational) (n int, rest string) {
	t := new(big.Rat).Mul(&m.Rat, big.NewRat(rate.Num, rate.Den))
	floor := new(big.Int).Div(t.Num(), t.Denom()) // rounds down, for negative times too
	left, _ := new(big.Rat).Sub(t, new(big.Rat).SetInt(floor)).Float64()
	n = int(floor.Int64()) // times are bounded where they are read
	switch {
	case left < 0.001:
		return n, ""
	case left > 0.999:
		return n + 1, ""
	}
	return n, strconv.FormatFloat(left, 'f', 3, 64)
}
