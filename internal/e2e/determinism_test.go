package e2e_test

import (
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/store"
)

// TestBytesDependOnNothingButSourceAndSettings encodes on one worker with one slot and
// on three with two, where chunks are finished in another order, each on an empty store;
// and then once more, where every chunk is in the store.
func TestBytesDependOnNothingButSourceAndSettings(t *testing.T) {
	codecs := []string{"libx264", "libx265", "libsvtav1", "librav1e", "aac", "libopus"}
	shuffle := e2e.NewShuffle(500 * time.Millisecond)
	lone := e2e.Start(t, e2e.Fleet{Codecs: codecs, Slots: []int{1}})
	many := e2e.Start(t, e2e.Fleet{Codecs: codecs, Slots: []int{2, 2, 2}, Splitters: 2, Muxers: 2, Store: shuffle.Wrap})
	src := testenv.Media(t, "a.mp4", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=30000/1001:d=5",
		"-f", "lavfi", "-i", "sine=f=440:r=48000:d=5", "-c:v", "libx264", "-preset", "superfast", "-g", "10", "-bf", "2", "-c:a", "aac")
	for codec, as := range map[string]struct{ container, audio string }{
		"libx264": {"mp4", "aac"}, "libx265": {"mov", "copy"}, "libsvtav1": {"mkv", "libopus"}, "librav1e": {"ivf", "none"},
	} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			spec := job.Spec{
				Source: src, Container: as.container, Audio: as.audio, ChunkMin: 0.3, ChunkMax: 1, Video: fast(codec),
			}
			first, out1 := lone.Encode(t, spec)
			second, out2 := many.Encode(t, spec)
			again, out3 := many.Encode(t, spec)
			if first.Chunks.Total < 6 || first.Chunks.Encoded != first.Chunks.Total || second.Chunks != first.Chunks {
				t.Errorf("the chunks are %+v and %+v, want six or more, all encoded", first.Chunks, second.Chunks)
			}
			if want := (job.Chunks{Total: first.Chunks.Total, Reused: first.Chunks.Total}); again.Chunks != want || again.EncodeSeconds != 0 {
				t.Errorf("the second time the chunks are %+v in %.1f s, want %+v", again.Chunks, again.EncodeSeconds, want)
			}
			sameBytes(t, out1, out2)
			sameBytes(t, out1, out3)
			m := many.Manifest(t, second)
			if one := lone.Manifest(t, first); !reflect.DeepEqual(one.Chunks, m.Chunks) {
				t.Errorf("the manifests tell of other chunks:\n%+v\n%+v", one.Chunks, m.Chunks)
			}
			wantShuffled(t, m, shuffle.Stored())
		})
	}
}

// wantShuffled fails the test when the chunks of a deliverable were stored in the order
// of the film: then nothing was tested.
func wantShuffled(t *testing.T, m plan.Manifest, stored []string) {
	t.Helper()
	var at []int
	for _, c := range m.Chunks {
		at = append(at, slices.Index(stored, store.ChunkKey(c.Key)))
	}
	if slices.IsSorted(at) || slices.Contains(at, -1) {
		t.Errorf("the chunks were stored in the order %v", at)
	}
}

func sameBytes(t *testing.T, a, b string) {
	t.Helper()
	x, err1 := os.ReadFile(a)
	y, err2 := os.ReadFile(b)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if !slices.Equal(x, y) {
		n := 0
		for n < min(len(x), len(y)) && x[n] == y[n] {
			n++
		}
		t.Errorf("the deliverables of %d and %d bytes differ from byte %d on", len(x), len(y), n)
	}
}
