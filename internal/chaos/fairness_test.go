package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/job"
)

// TestNobodyWaitsForLong counts, on two slots, how many segments of a long job begin
// between the arrival of a short one and its first segment. The encodes are held until
// both are in the queue, so that it is the order that counts and no time.
func TestNobodyWaitsForLong(t *testing.T) {
	const slots = 2
	for name, c := range map[string]struct {
		long, short job.Class
		may         int
	}{
		// One in three of the window's tasks waits, and each slot has one in hand.
		"equals":             {job.Normal, job.Normal, 1},
		"high beside low":    {job.Low, job.High, 0},
		"high beside normal": {job.Normal, job.High, 0},
		// Its turn comes with the eighth lease at the latest, unless another's does.
		"low beside high": {job.High, job.Low, 9},
	} {
		t.Run(name, func(t *testing.T) {
			h := &harness{dir: t.TempDir(), bin: built(t), out: t.Output(), brief: true}
			w, err := h.fairWorld(t.Context(), 1, slots)
			if err != nil {
				t.Fatal(err)
			}
			defer w.end()
			all, short, err := w.inOrder(t.Context(), slots, c.long, c.short)
			if err != nil {
				t.Fatal(err)
			}
			if len(all) != 25 {
				t.Errorf("%d segments began, want 25", len(all))
			}
			if n := before(all, short) - slots; n < 0 || n > c.may {
				t.Errorf("%d segments of the long job began first, at most %d may", n, c.may)
			}
		})
	}
}

// inOrder runs a long job and, once it fills the slots, a short one, and returns the
// segments of both in the order in which they began.
func (w *world) inOrder(ctx context.Context, slots int, long, short job.Class) (all []begin, id string, err error) {
	if err := errors.Join(w.tell("least", "0"), w.tell("gate", "shut")); err != nil {
		return nil, "", err
	}
	film, err := w.silent(ctx, "long.mkv", 20)
	if err != nil {
		return nil, "", err
	}
	clip, err := w.silent(ctx, "clip.mkv", 5)
	if err != nil {
		return nil, "", err
	}
	first, err := w.give(ctx, film, long, 30)
	if err != nil {
		return nil, "", err
	}
	if err := await(ctx, jobLimit, "full slots", func() (bool, error) {
		b, err := w.begins()
		return len(b) == slots, err
	}); err != nil {
		return nil, "", err
	}
	if id, err = w.give(ctx, clip, short, 20); err != nil {
		return nil, "", err
	}
	if err := errors.Join(w.reach(ctx, first, job.Encoding), w.reach(ctx, id, job.Encoding), w.open(), w.finish(ctx, first, id)); err != nil {
		return nil, "", err
	}
	all, err = w.begins()
	return all, id, err
}

// TestUrgentSourcesAreReadAtOnce has two low jobs hold both places of a splitter, which
// reads no further while nobody encodes: a high one is read beside them.
func TestUrgentSourcesAreReadAtOnce(t *testing.T) {
	allAreRead(t, []string{"REWEAVE_SPLITTER_JOBS=2", "REWEAVE_SPLITTER_LONG=1h"}, job.Low, job.Low, job.High)
}

// TestLongSourcesLeaveTheirPlaces has jobs of one class in more than its one place: each
// leaves it to the next.
func TestLongSourcesLeaveTheirPlaces(t *testing.T) {
	allAreRead(t, []string{"REWEAVE_SPLITTER_JOBS=1", "REWEAVE_SPLITTER_LONG=100ms"}, job.Normal, job.Normal, job.Normal, job.Normal)
}

// allAreRead wants a job of each class to be read, one after the other, while nobody encodes
// and so none can be read to its end; and all of them to end once somebody does.
func allAreRead(t *testing.T, env []string, classes ...job.Class) {
	t.Helper()
	h := &harness{dir: t.TempDir(), bin: built(t), out: t.Output(), brief: true}
	w, err := h.newWorld(t.Context(), fleet{
		api: 1, splitter: 1, muxer: 1, encoder: 1, env: map[string][]string{"splitter": append(env, "REWEAVE_SPLITTER_AHEAD=1")},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.end()
	w.services["encoder0"].proc.kill()
	film, err := w.silent(t.Context(), "film.mkv", 5)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i, class := range classes {
		id, err := w.give(t.Context(), film, class, 30+i)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.reach(t.Context(), id, job.Splitting); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := errors.Join(w.start("encoder0"), w.finish(t.Context(), ids...)); err != nil {
		t.Fatal(err)
	}
}

// TestWorkersThatComeLaterHelp begins a job on one slot and has four more come while its
// segments are held: all five are busy with it then, and nothing is encoded twice.
func TestWorkersThatComeLaterHelp(t *testing.T) {
	h := &harness{dir: t.TempDir(), bin: built(t), out: t.Output(), brief: true}
	f := fleet{api: 1, splitter: 1, muxer: 1, encoder: 1, env: map[string][]string{
		"encoder": {"REWEAVE_ENCODER_STALL=2m"}, "encoder1": {"REWEAVE_ENCODER_SLOTS=4"},
	}}
	w, err := h.newWorld(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	defer w.end()
	if err := errors.Join(w.tell("least", "0"), w.tell("gate", "shut")); err != nil {
		t.Fatal(err)
	}
	film, err := w.silent(t.Context(), "film.mkv", 20)
	if err != nil {
		t.Fatal(err)
	}
	id, err := w.give(t.Context(), film, job.Normal, 30)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.reach(t.Context(), id, job.Encoding); err != nil {
		t.Fatal(err)
	}
	if j, err := w.bus.Job(t.Context(), id); err != nil || j.Window != 2 {
		t.Fatalf("the window is %d: %v", j.Window, err)
	}
	w.services["encoder1"] = &service{kind: "encoder", env: w.environ("encoder1", "encoder", f)}
	if err := w.start("encoder1"); err != nil {
		t.Fatal(err)
	}
	if err := await(t.Context(), jobLimit, "five busy slots", func() (bool, error) {
		b, err := w.begins()
		return len(b) == 5, err
	}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.open(), w.finish(t.Context(), id)); err != nil {
		t.Fatal(err)
	}
	if n, err := w.redone(id); err != nil || n != 0 {
		t.Errorf("%d encodes were redone: %v", n, err)
	}
	if b, err := w.begins(); err != nil || len(b) != 20 {
		t.Errorf("%d encodes began, want 20: %v", len(b), err)
	}
}

func TestFairnessIsJudged(t *testing.T) {
	waits := []float64{0.1, 0.2, 3.5, 0.3}
	if m, p := percentile(waits, 50), percentile(waits, 99); m != 0.2 || p != 3.5 || percentile(nil, 50) != 0 {
		t.Errorf("median %v, 99th percentile %v", m, p)
	}
	r := fairRow{scene: scene{name: "a", jobs: 4, may: 3}, waits: waits, ideal: 1.2}
	r.err = r.judge()
	var out bytes.Buffer
	printFairness(&out, []fairRow{r}, time.Second)
	if want := "FAILED: waited 3.50, at most 3.0; took 1.20 of the ideal, at most 1.10"; !strings.Contains(out.String(), want) {
		t.Error(out.String())
	}
	r.may, r.ideal = 4, 1.05
	if err := r.judge(); err != nil {
		t.Error(err)
	}
}
