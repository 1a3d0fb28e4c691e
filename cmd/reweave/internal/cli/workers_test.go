package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/queue"
)

func TestWorkerLines(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := queue.Worker{
		ID: "w1", Host: "h\x1b", Version: "0.1.0", Slots: 4, Encoders: map[string]queue.Encoder{"libx264": {}, "aac": {}},
		Since: now.Add(-time.Hour), At: now,
	}
	lines := func(w queue.Worker) string { return strings.Join(workerLines(w), "\n") }
	if got, want := lines(w), "w1\th?\t0/4\t-\tidle\t1h0m0s\t0.1.0\taac,libx264\t-\t"; got != want {
		t.Errorf("idle: %q, want %q", got, want)
	}
	w.Memory, w.MemoryUsed = 8<<30, 512<<20
	w.Busy, w.Doing = 2, []queue.Doing{
		{Job: "J", Task: "v7", Frames: 12, Total: 240, Since: now.Add(-90 * time.Second)},
		{Job: "J", Task: "a1", Since: now.Add(time.Second)},
	}
	want := "w1\th?\t2/4\t512.0 MiB/8.0 GiB\tbusy\t1h0m0s\t0.1.0\taac,libx264\tJ segment 7, 12 of 240 frames\t1m30s\n" +
		"\t\t\t\t\t\t\t\tJ audio 1\t0s"
	if got := lines(w); got != want {
		t.Errorf("busy: %q, want %q", got, want)
	}
	w.Draining = true
	if got := lines(w); !strings.HasPrefix(got, "w1\th?\t2/4\t512.0 MiB/8.0 GiB\tdraining\t") {
		t.Errorf("draining: %q", got)
	}
}
