package e2e_test

import (
	"encoding/json"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/quota"
)

// TestATenantWithOneSlot runs three jobs of a tenant with one slot, one of them cancelled,
// beside one of a tenant with any number, on three encoders. The one slot is all that the
// tenant ever holds, and all jobs end.
func TestATenantWithOneSlot(t *testing.T) {
	c := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264", "aac"}, Slots: []int{1, 1, 1}})
	src := testenv.Media(t, "a.mkv", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=4",
		"-f", "lavfi", "-i", "sine=f=440:r=48000:d=4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "12", "-c:a", "pcm_s16le")
	js, err := jetstream.New(c.Bus.Conn())
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(t.Context(), "slots")
	if err != nil {
		t.Fatal(err)
	}
	// Every change of what the tenant holds is looked at, from the first on.
	watch, err := kv.Watch(t.Context(), "small", jetstream.UpdatesOnly())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range 4 {
		crf := 20 + i
		spec := job.Spec{Source: src, Audio: "aac", ChunkMin: 0.4, ChunkMax: 0.6, Video: fast("libx264")}
		spec.Video.QP, spec.Video.CRF = nil, &crf
		tenant, slots := "small", 1
		if i == 3 {
			tenant, slots = "large", 0
		}
		ids = append(ids, c.SubmitFor(t, spec, tenant, slots).ID)
	}
	if _, err := c.Bus.UpdateJob(t.Context(), ids[1], func(j *job.Job) error { j.State = job.Cancelled; return nil }); err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		want := job.Done
		if i == 1 {
			want = job.Cancelled
		}
		if j := c.Await(t, id); j.State != want {
			t.Errorf("job %d is %s: %+v", i, j.State, j.Error)
		}
	}
	last, err := kv.Get(t.Context(), "small")
	if err != nil {
		t.Fatal(err)
	}
	changes := 0
	for s, revision := (quota.Slots{}), uint64(0); revision < last.Revision() || len(s.Held)+len(s.Waiting) > 0; changes++ {
		e := <-watch.Updates()
		revision, s = e.Revision(), quota.Slots{}
		if err := json.Unmarshal(e.Value(), &s); err != nil {
			t.Fatal(err)
		}
		if len(s.Held) > 1 {
			t.Errorf("the tenant holds %v", s.Held)
		}
	}
	if changes < 20 { // two jobs of nine tasks, each offered and finished
		t.Errorf("only %d changes were seen", changes)
	}
}
