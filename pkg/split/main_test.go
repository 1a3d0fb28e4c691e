package split_test

import (
	"flag"
	"testing"
)

// TestMain checks more streams than rapid does by itself: one takes 0.1 ms. A flag of the
// command line still counts, since flags are parsed later.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "2000"); err != nil {
		panic(err)
	}
	m.Run()
}
