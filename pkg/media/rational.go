package media

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Rational is an exact fraction, such as a frame rate (30000/1001) or a timebase
// (1/90000). It is written "num/den" in JSON and on command lines.
type Rational struct{ Num, Den int64 }

// ParseRational reads "30000/1001", "30000:1001" or "25".
func ParseRational(s string) (Rational, error) {
	num, den, found := strings.Cut(strings.Replace(s, ":", "/", 1), "/")
	if !found {
		den = "1"
	}
	n, err1 := strconv.ParseInt(num, 10, 64)
	d, err2 := strconv.ParseInt(den, 10, 64)
	if err1 != nil || err2 != nil {
		return Rational{}, fmt.Errorf("parse rational %q: want num/den", s)
	}
	return Rational{n, d}, nil
}

// Valid reports whether r is a positive fraction.
func (r Rational) Valid() bool { return r.Num > 0 && r.Den > 0 }

// Float returns the nearest float64, or 0 for an invalid fraction.
func (r Rational) Float() float64 {
	if r.Den == 0 {
		return 0
	}
	return float64(r.Num) / float64(r.Den)
}

// Inv returns den/num.
func (r Rational) Inv() Rational { return Rational{r.Den, r.Num} }

// Rescale converts v ticks of timebase r into ticks of timebase to, rounding to
// the nearest (halves away from zero).
func (r Rational) Rescale(v int64, to Rational) int64 {
	num := new(big.Int).Mul(big.NewInt(v), new(big.Int).Mul(big.NewInt(r.Num), big.NewInt(to.Den)))
	den := new(big.Int).Mul(big.NewInt(r.Den), big.NewInt(to.Num))
	half := new(big.Int).Quo(den, big.NewInt(2))
	if num.Sign() < 0 {
		half.Neg(half)
	}
	return new(big.Int).Quo(num.Add(num, half), den).Int64()
}

// String returns "num/den".
func (r Rational) String() string { return fmt.Sprintf("%d/%d", r.Num, r.Den) }

// MarshalText writes "num/den".
func (r Rational) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what [ParseRational] reads.
func (r *Rational) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRational(string(b))
	return err
}
