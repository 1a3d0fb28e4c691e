//go:build big

package foreign

import (
	"math"
	"testing"
)

// Places behind 4 GiB are told with 64 bits, also where the film comes that far only by its
// new packets. The hole costs no disk, but many seconds to read: make test-big.
func TestBeyondFourGiB(t *testing.T) {
	patchStretched(t, 4<<30+1<<20, true)
	patchStretched(t, math.MaxUint32-4000, false)
}
