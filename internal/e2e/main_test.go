package e2e_test

import (
	"flag"
	"os"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/embed"
)

func TestMain(m *testing.M) {
	embed.MaybeChild()
	os.Exit(runTests(m))
}

// runTests runs two tests at a time, however many cores there are: each of them
// already keeps two encoders busy.
func runTests(m *testing.M) int {
	flag.Parse()
	if err := flag.Set("test.parallel", "2"); err != nil {
		panic(err)
	}
	remove, err := openShelf()
	if err != nil {
		panic(err)
	}
	defer remove()
	defer e2e.RemoveProgram()
	return m.Run()
}
