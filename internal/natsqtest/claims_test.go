package natsqtest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/cache"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/store"
)

func claimed(t *testing.T, b *natsq.Bus, keys []string) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(must(b.Claimed(t.Context(), keys))(t)))
}

// What jobs claim counts from the write on, for every client, until the job has ended or is
// forgotten.
func TestClaimsLastAsLongAsTheirJob(t *testing.T) {
	s := start(t, natsserver.RANDOM_PORT)
	a, b := connect(t, s, limit), connect(t, s, limit)
	var many []string
	for i := range 12_000 { // more than one message holds
		many = append(many, fmt.Sprintf("%064x", i))
	}
	for _, id := range []string{"A", "B", "C"} {
		_, _, err := a.CreateJob(t.Context(), job.Job{ID: id}, "")
		ok(t, err)
	}
	ok(t, a.Claim(t.Context(), "A", "x"))
	ok(t, a.Claim(t.Context(), "A", "x"))
	ok(t, a.Claim(t.Context(), "B", "x"))
	ok(t, a.Claim(t.Context(), "B", "y"))
	ok(t, a.ClaimAll(t.Context(), "C", many))
	ok(t, a.Claim(t.Context(), "gone", "z")) // of a job that nobody knows
	if got := claimed(t, b, []string{"x", "y", "z", many[0], many[11_999], "none"}); !slices.Contains(got, "x") || !slices.Contains(got, "y") ||
		!slices.Contains(got, many[0]) || !slices.Contains(got, many[11_999]) || slices.Contains(got, "z") || slices.Contains(got, "none") {
		t.Errorf("claimed are %d: %v", len(got), got[max(0, len(got)-3):])
	}
	if got := claimed(t, b, nil); len(got) != 12_002 {
		t.Errorf("%d chunks are claimed, want 12002", len(got))
	}
	ok(t, a.Forget(t.Context(), "C"))
	ok(t, a.Forget(t.Context(), "A"))
	if got := claimed(t, b, nil); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("with B alone %v are claimed", got)
	}
	must(a.UpdateJob(t.Context(), "B", func(j *job.Job) error { j.State = job.Failed; return nil }))(t)
	if got := claimed(t, b, []string{"x", "y"}); len(got) != 0 {
		t.Errorf("of jobs that ended %v are claimed", got)
	}
	for _, key := range []string{"", "a.b", "*", ">"} {
		if err := a.Claim(t.Context(), "A", key); err == nil {
			t.Errorf("chunk %q is claimed", key)
		}
		if _, err := a.Claimed(t.Context(), []string{key}); err == nil {
			t.Errorf("it is told who claims chunk %q", key)
		}
	}
}

// Of two who condemn chunks at once one wins, and everybody knows it at once.
func TestOneEvictionAtATime(t *testing.T) {
	s := start(t, natsserver.RANDOM_PORT)
	a, b := connect(t, s, limit), connect(t, s, limit)
	keys, revision, err := a.Condemned(t.Context())
	if ok(t, err); len(keys) != 0 || revision != 0 {
		t.Fatalf("at the start %v are condemned, revision %d", keys, revision)
	}
	first, won, err := a.Condemn(t.Context(), []string{"x", "y"}, 0)
	if ok(t, err); !won {
		t.Fatal("the first one loses")
	}
	if _, won, err := b.Condemn(t.Context(), []string{"z"}, 0); won || err != nil {
		t.Errorf("the second one wins, too: %v", err)
	}
	keys, revision, err = b.Condemned(t.Context())
	if ok(t, err); !slices.Equal(keys, []string{"x", "y"}) || revision != first {
		t.Errorf("condemned are %v, revision %d, want that of the first one, %d", keys, revision, first)
	}
	if _, won, err := b.Condemn(t.Context(), nil, first); !won || err != nil {
		t.Errorf("whoever knows the revision can't end it: %v", err)
	}
	if _, won, err := a.Condemn(t.Context(), nil, first); won || err != nil {
		t.Errorf("it is ended twice: %v", err)
	}
	if keys, _, err := a.Condemned(t.Context()); len(keys) != 0 || err != nil {
		t.Errorf("behind the end %v are condemned: %v", keys, err)
	}
}

// Damaged chunks are found and deleted, but for those that a running job needs.
func TestVerifyLeavesWhatAJobNeeds(t *testing.T) {
	env := testenv.Start(t)
	_, _, err := env.Bus.CreateJob(t.Context(), job.Job{ID: "A"}, "")
	ok(t, err)
	keys := []string{strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64)}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("chunk")))
	for i, content := range []string{"chunk", "chunj", "chunl"} {
		ok(t, env.Store.Put(t.Context(), store.ChunkKey(keys[i]), strings.NewReader(content), int64(len(content)), map[string]string{"sha256": sum}))
	}
	ok(t, env.Bus.Claim(t.Context(), "A", keys[1]))
	c := must(cache.New(env.Bus, env.Store).Verify(t.Context(), "", 10))(t)
	if c.Chunks != 3 || !slices.Equal(c.Damaged, keys[1:]) || !slices.Equal(c.Dropped, keys[2:]) {
		t.Errorf("of %v, of which the first is whole and the second claimed, it says %+v", keys, c)
	}
	for i, want := range []error{nil, nil, store.ErrNotFound} {
		if _, err := env.Store.Stat(t.Context(), store.ChunkKey(keys[i])); !errors.Is(err, want) {
			t.Errorf("chunk %d: %v, want %v", i, err, want)
		}
	}
}

// tendTheCache does with the api's rights all that it does with chunks.
func tendTheCache(t *testing.T, api *natsq.Bus, st store.Store) {
	t.Helper()
	keep := cache.New(api, st)
	c := must(cache.Scan(t.Context(), st))(t)
	if len(c.Deliverables) != 1 || len(c.Chunks) == 0 {
		t.Fatalf("%d deliverables of %d chunks are kept", len(c.Deliverables), len(c.Chunks))
	}
	sum := c.Deliverables[0].SHA256
	must(keep.Pin(t.Context(), sum))(t)
	if e := must(keep.Evict(t.Context(), 0, false))(t); len(e.Chunks) != 0 {
		t.Errorf("pinned chunks go: %+v", e)
	}
	must(keep.Unpin(t.Context(), sum))(t)
	must(keep.Verify(t.Context(), "", 1000))(t)
	if e := must(keep.Evict(t.Context(), 0, false))(t); len(e.Chunks) != len(c.Chunks) || e.Left != 0 {
		t.Errorf("of %d chunks there go %+v", len(c.Chunks), e)
	}
}
