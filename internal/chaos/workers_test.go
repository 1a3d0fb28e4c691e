package main

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
)

// TestWorkersAreListed has three encoders hold a segment in each of their two slots: the
// list tells of all. One that is killed leaves it when its lease is over, one that drains
// says so until it is done, and the last one is idle behind the end.
func TestWorkersAreListed(t *testing.T) {
	h := &harness{dir: t.TempDir(), bin: built(t), out: t.Output(), brief: true}
	w, err := h.newWorld(t.Context(), fleet{api: 1, splitter: 1, muxer: 1, encoder: 3, env: map[string][]string{
		"": {"REWEAVE_ENCODER_SLOTS=2", "REWEAVE_ENCODER_STALL=2m"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.end()
	// listed waits for a list with these workers in which all holds.
	listed := func(what string, names int, holds func(map[string]queue.Worker) bool) (last map[string]queue.Worker) {
		t.Helper()
		if err := await(t.Context(), jobLimit, what, func() (bool, error) {
			all, err := w.api.Workers(t.Context())
			last = map[string]queue.Worker{}
			for _, one := range all {
				last[one.ID] = one
			}
			return len(all) == names && holds(last), err
		}); err != nil {
			t.Fatalf("%v: %+v", err, last)
		}
		return last
	}
	full := func(one queue.Worker) bool { return one.Busy == 2 && len(one.Doing) == 2 }
	if err := errors.Join(w.tell("least", "0"), w.tell("gate", "shut")); err != nil {
		t.Fatal(err)
	}
	film, err := w.silent(t.Context(), "film.mkv", 12)
	if err != nil {
		t.Fatal(err)
	}
	id, err := w.give(t.Context(), film, job.Normal, 30)
	if err != nil {
		t.Fatal(err)
	}
	all := listed("three busy workers", 3, func(all map[string]queue.Worker) bool {
		return full(all["encoder0"]) && full(all["encoder1"]) && full(all["encoder2"])
	})
	seen := map[queue.TaskID]bool{}
	for name, one := range all {
		if one.Host == "" || one.Slots != 2 || one.Version == "" || one.Draining || one.Since.IsZero() || one.Encoders["libx264"].Build == "" {
			t.Errorf("%s is %+v", name, one)
		}
		for _, d := range one.Doing {
			if d.Job != id || d.Codec != "libx264" || d.Total != 12 || d.Since.Before(one.Since) || d.Since.After(one.At) {
				t.Errorf("%s does %+v", name, d)
			}
			seen[d.Task] = true
		}
	}
	if len(seen) != 6 {
		t.Errorf("six slots hold %v", seen)
	}

	killed := time.Now()
	w.services["encoder0"].proc.kill()
	listed("the killed one to be forgotten", 2, func(all map[string]queue.Worker) bool { return full(all["encoder1"]) && full(all["encoder2"]) })
	if took := time.Since(killed); took > lease+startLimit/3 { // the latter for a busy machine
		t.Errorf("a dead worker was listed for %s, its lease is %s", took, lease)
	}

	draining := w.services["encoder1"].proc
	draining.ended.Store(true)
	draining.signal(syscall.SIGTERM)
	listed("one that drains", 2, func(all map[string]queue.Worker) bool { return all["encoder1"].Draining && !all["encoder2"].Draining })
	if err := errors.Join(w.open(), w.finish(t.Context(), id)); err != nil {
		t.Fatal(err)
	}
	<-draining.gone
	listed("the last one to be idle", 1, func(all map[string]queue.Worker) bool {
		return all["encoder2"].Busy == 0 && len(all["encoder2"].Doing) == 0
	})
	if j, err := w.bus.Job(t.Context(), id); err != nil || j.State != job.Done {
		t.Error(fmt.Errorf("the job is %s: %w", j.State, err))
	}
}
