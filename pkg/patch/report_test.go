package patch_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"testing"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/patch"
)

// Times in a report have no more digits than microseconds take.
func TestReportsHaveRoundTimes(t *testing.T) {
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	film := func(filter string) string {
		return mediatest.Make(t, "a.mp4", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=30000/1001:d=4", "-vf", filter, "-c:v", "libx264", "-preset", "ultrafast", "-g", "7")
	}
	r, err := patch.ProveFiles(t.Context(), tool, film("null"), film("negate=enable='between(n,24,30)+between(n,59,60)'"), false)
	if err != nil || len(r.Changes) < 2 {
		t.Fatalf("%v, %+v", err, r)
	}
	b, err := json.Marshal(r.Changes)
	if err != nil {
		t.Fatal(err)
	}
	if long := regexp.MustCompile(`\d\.\d{7,}`).Find(b); long != nil {
		t.Errorf("%s in %s", long, b)
	}
	for _, c := range r.Changes {
		if want := fmt.Sprintf("%.6f", float64(c.New.From)*1001/30000); fmt.Sprintf("%.6f", c.Start) != want {
			t.Errorf("frame %d is said to begin at %f s, want %s", c.New.From, c.Start, want)
		}
	}
}
