package natsqtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/queue"
)

func TestFirstDoneRecordWins(t *testing.T) {
	b := newBus(t)
	var wg sync.WaitGroup
	var won list[string]
	for i := range 20 {
		wg.Go(func() {
			d := queue.Done{Job: "A", Task: "v0", Worker: fmt.Sprint("w", i), At: time.Now()}
			first, err := b.CommitDone(t.Context(), d)
			if err != nil {
				t.Error(err)
			}
			if first {
				won.add(d.Worker)
			}
		})
	}
	wg.Wait()
	if len(won.all()) != 1 {
		t.Fatalf("%v won, want one", won.all())
	}
	d, found, err := b.Done(t.Context(), "A", "v0")
	ok(t, err)
	if !found || d.Worker != won.all()[0] {
		t.Errorf("the record is %q's, and %q was told that it won", d.Worker, won.all()[0])
	}
}

func TestCommittingTheSameRecordAgainWinsAgain(t *testing.T) {
	b := newBus(t)
	d := queue.Done{Job: "A", Task: "v0", Worker: "w", At: time.Now().UTC()}
	for range 2 {
		if won := must(b.CommitDone(t.Context(), d))(t); !won {
			t.Error("its own record did not win")
		}
	}
}

func TestDoneRecordsOfAJob(t *testing.T) {
	b := newBus(t)
	for i := range 700 { // more than one batch
		_, err := b.CommitDone(t.Context(), queue.Done{Job: "A", Task: queue.Video(i)})
		ok(t, err)
	}
	_, err := b.CommitDone(t.Context(), queue.Done{Job: "AA", Task: "v0"})
	ok(t, err)
	if n := must(b.DoneCount(t.Context(), "A"))(t); n != 700 {
		t.Errorf("counted %d, want 700", n)
	}
	all := must(b.DoneAll(t.Context(), "A"))(t)
	if len(all) != 700 || all[699].Task != "v699" {
		t.Errorf("read %d records, want 700 in the order of writing", len(all))
	}
	ok(t, b.DropDone(t.Context(), "A", "v7"))
	if _, found, err := b.Done(t.Context(), "A", "v7"); found || err != nil {
		t.Errorf("the dropped record: found %v, %v", found, err)
	}
	if n := must(b.DoneCount(t.Context(), "A"))(t); n != 699 {
		t.Errorf("counted %d after the drop, want 699", n)
	}
	if n := must(b.DoneCount(t.Context(), "NONE"))(t); n != 0 {
		t.Errorf("counted %d of a job without records", n)
	}
	if all := must(b.DoneAll(t.Context(), "NONE"))(t); len(all) != 0 {
		t.Errorf("read %d of a job without records", len(all))
	}
}

func TestAttemptsKeepTheLast(t *testing.T) {
	b := newBus(t)
	for i := range 70 {
		ok(t, b.RecordAttempt(t.Context(), queue.Attempt{Job: "A", Task: "v0", Kind: queue.AttemptStart, Worker: fmt.Sprint(i)}))
	}
	ok(t, b.RecordAttempt(t.Context(), queue.Attempt{Job: "A", Task: "v1"}))
	tries := must(b.Attempts(t.Context(), "A", "v0"))(t)
	if len(tries) != 64 || tries[0].Worker != "6" || tries[63].Worker != "69" {
		t.Errorf("got %d attempts from %v", len(tries), tries)
	}
}
