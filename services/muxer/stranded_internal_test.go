package muxer

import (
	"slices"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/job"
)

func TestLeft(t *testing.T) {
	f := fleet{"libx264": {"new": true}, "aac": {"a1": true}}
	for name, c := range map[string]struct {
		state  job.State
		builds map[string]string
		want   []string
	}{
		"all there":            {job.Encoding, map[string]string{"libx264": "new", "aac": "a1"}, nil},
		"one left":             {job.Encoding, map[string]string{"libx264": "old", "aac": "a1"}, []string{"libx264"}},
		"while it is split":    {job.Splitting, map[string]string{"libx264": "old"}, []string{"libx264"}},
		"all is encoded":       {job.Muxing, map[string]string{"libx264": "old"}, nil},
		"nobody has any build": {job.Encoding, map[string]string{"libx265": "old"}, nil},
		"not pinned yet":       {job.Splitting, nil, nil},
	} {
		if got := f.left(job.Job{State: c.state, Builds: c.builds}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v left", name, got)
		}
	}
}

func TestStrandedAfterAWhile(t *testing.T) {
	w := &sweeper{gone: map[string]time.Time{}, cfg: Config{BuildGone: time.Minute}}
	j := job.Job{ID: "A", State: job.Encoding, Builds: map[string]string{"libx264": "old"}}
	left, back := fleet{"libx264": {"new": true}}, fleet{"libx264": {"old": true}}
	if w.stranded(j, left) {
		t.Error("stranded at first sight")
	}
	w.gone["A"] = w.gone["A"].Add(-59 * time.Second)
	if w.stranded(j, left) {
		t.Error("stranded before the time")
	}
	if w.stranded(j, nil) || w.gone["A"].IsZero() {
		t.Error("a fleet that is not known changes something")
	}
	w.gone["A"] = w.gone["A"].Add(-time.Second)
	if !w.stranded(j, left) {
		t.Error("not stranded after the time")
	}
	if w.stranded(j, back) || w.stranded(j, left) {
		t.Error("the time does not begin anew once the build was back")
	}
}
