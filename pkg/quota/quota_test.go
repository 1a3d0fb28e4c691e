package quota_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/quota"
)

var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestJobsHavePlaces(t *testing.T) {
	var a quota.Account
	two := quota.Limits{Jobs: 2}
	if !a.Open("A", now, two) || !a.Open("B", now, two) || a.Open("C", now, two) {
		t.Errorf("two places: %v", a.Jobs)
	}
	if !a.Open("A", now, two) || !a.Open("C", now, quota.Limits{}) {
		t.Error("a job lost its place, or had no place where there is no limit")
	}
	a.Close("A")
	a.Close("A")
	a.Close("B")
	if !a.Open("D", now, two) || a.Open("E", now, two) {
		t.Errorf("a place that was given back: %v", a.Jobs)
	}
}

func TestBytesHaveRoom(t *testing.T) {
	var a quota.Account
	hundred := quota.Limits{Bytes: 100}
	if !a.Store("upload/A", 60, hundred) || a.Store("upload/B", 41, hundred) || !a.Store("upload/B", 40, hundred) {
		t.Errorf("a hundred bytes: %v", a.Stored)
	}
	if !a.Full(hundred) || a.Full(quota.Limits{}) {
		t.Error("full or not")
	}
	if !a.Store("upload/A", 50, hundred) || a.Store("upload/A", 61, hundred) || a.Used() != 90 {
		t.Errorf("another size of the same: %v", a.Stored)
	}
	a.Free("upload/B")
	if a.Full(hundred) || a.Used() != 50 {
		t.Errorf("after one went: %v", a.Stored)
	}
}

func TestCountTellsWhatThereIs(t *testing.T) {
	a := quota.Account{Stored: map[string]int64{"upload/gone": 1, "upload/coming": 2, "upload/there": 3, "job/gone": 4}}
	a.Count(map[string]int64{"upload/there": 30, "job/new": 5}, now, func(id string) bool { return id == "coming" })
	if a.Used() != 37 || len(a.Stored) != 3 || a.Stored["upload/coming"] != 2 || !a.Counted.Equal(now) {
		t.Errorf("counted %v", a)
	}
}

// TestSlots plays a history: "+A/v0" offers a task, "-A/v0" finishes it, "xA" ends a job.
// Behind the colon are the tasks that may enter the queue.
func TestSlots(t *testing.T) {
	for name, history := range map[string]string{
		"as many as the limit":          "+A/v0:A/v0 +A/v1:A/v1 +A/v2: +A/v2: -A/v0:A/v2 -A/v1: -A/v2:",
		"one that holds a slot":         "+A/v0:A/v0 +A/v0:A/v0",
		"the job that holds the fewest": "+A/v0:A/v0 +A/v1:A/v1 +A/v2: +A/v3: +B/v0: +B/v1: -A/v0:B/v0 -A/v1:A/v2 -B/v0:B/v1 -A/v2:A/v3",
		"finished once more":            "+A/v0:A/v0 +A/v1:A/v1 +A/v2: -A/v0:A/v2 -A/v0:A/v1,A/v2",
		"a job that ends":               "+A/v0:A/v0 +A/v1:A/v1 +A/v2: +B/v0: xA:B/v0 xA:B/v0 +B/v1:B/v1",
		"names that begin alike":        "+A/v1:A/v1 +A/v10:A/v10 +AA/v0: -A/v1:AA/v0 xA:",
	} {
		var s quota.Slots
		for step := range strings.FieldsSeq(history) {
			does, want, _ := strings.Cut(step, ":")
			var enter []string
			switch does[0] {
			case '+':
				enter = s.Offer(does[1:], 2)
			case '-':
				enter = s.Finish(does[1:], 2)
			case 'x':
				enter = s.Drop(does[1:])
			}
			if got := strings.Join(enter, ","); got != want || len(s.Held) > 2 {
				t.Errorf("%s, %s: got %q, held %v, waiting %v", name, step, got, s.Held, s.Waiting)
			}
		}
	}
}

func TestSlotsOfTheNewestJob(t *testing.T) {
	var s quota.Slots
	for _, task := range []string{"B/v0", "B/v1", "B/v2"} {
		s.Offer(task, 1)
	}
	s.Offer("A/v0", 4) // an older job, whose limit is an older one
	if s.Limit != 1 || len(s.Held) != 1 {
		t.Errorf("the limit is %d", s.Limit)
	}
	if got := s.Offer("C/v0", 3); !slices.Equal(got, []string{"A/v0", "C/v0"}) {
		t.Errorf("with two slots more enter %v", got)
	}
}
