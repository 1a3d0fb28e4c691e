package progress

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/job"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// clock is a clock that the test sets.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

func TestPlainLines(t *testing.T) {
	cases := map[string]func(*clock, Reporter){
		"encode":   tellEncode,
		"transfer": tellTransfer,
		"late":     tellLate,
		"tasks":    tellTasks,
	}
	for name, tell := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c := &clock{at: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
			r := NewPlain(&out, c.now)
			tell(c, r)
			r.Close()
			r.Note("this comes too late to be shown")
			golden(t, name, out.Bytes())
		})
	}
}

// tellEncode is a whole job: 1000 frames at 50 fps, a quarter of its chunks reused.
func tellEncode(c *clock, r Reporter) {
	r.Job(job.Job{State: job.Queued, Spec: job.Spec{Name: "clip.mov"}})
	r.Job(job.Job{State: job.Splitting})
	for range 20 {
		c.pass(100 * time.Millisecond)
		r.Progress(job.Progress{State: job.Splitting, Frames: 0})
	}
	r.Job(job.Job{State: job.Encoding, Frames: 1000, Chunks: job.Chunks{Total: 8, Reused: 2}})
	for frames := 0; frames <= 1000; frames += 5 {
		r.Progress(job.Progress{
			State: job.Encoding, Frames: frames, Total: 1000,
			Chunks: job.Chunks{Total: 8, Encoded: frames * 6 / 1000, Reused: 2},
		})
		c.pass(100 * time.Millisecond)
	}
	r.Job(job.Job{State: job.Muxing, Frames: 1000, Chunks: job.Chunks{Total: 8, Encoded: 6, Reused: 2}})
	r.Job(job.Job{State: job.Done, Frames: 1000, Chunks: job.Chunks{Total: 8, Encoded: 6, Reused: 2}})
}

// tellTasks is a job whose tasks alone tell how far they are: two reused chunks of
// four, and an audio track; a worker dies, and its task begins anew.
func tellTasks(c *clock, r Reporter) {
	task := func(id string, frames, total int) {
		c.pass(2 * time.Second)
		r.Progress(job.Progress{State: job.Encoding, Task: id, TaskFrames: frames, TaskTotal: total, Worker: "w"})
	}
	r.Job(job.Job{State: job.Splitting})
	task("v1", 20, 100)
	r.Job(job.Job{State: job.Encoding, Frames: 400, Chunks: job.Chunks{Total: 5, Reused: 2}})
	task("v1", 60, 100)
	task("a0", 0, 0)
	task("v1", 10, 100)
	task("v1", 100, 100)
	task("v1", 100, 100)
	task("v2", 50, 100)
	task("a0", 1, 1)
	task("v2", 100, 100)
	r.Job(job.Job{State: job.Muxing, Frames: 400, Chunks: job.Chunks{Total: 5, Encoded: 3, Reused: 2}})
}

// tellTransfer is a slow upload, and then one of nothing at all.
func tellTransfer(c *clock, r Reporter) {
	for done := int64(0); done <= 40<<20; done += 1 << 20 {
		r.Transfer("uploading clip.mov", done, 40<<20)
		c.pass(time.Second)
	}
	r.Transfer("uploading empty.mov", 0, 0)
}

// tellLate has messages that come doubled, late and out of order.
func tellLate(c *clock, r Reporter) {
	r.Job(job.Job{State: job.Encoding, Frames: 100, Chunks: job.Chunks{Total: 4}})
	r.Progress(job.Progress{State: job.Encoding, Frames: 60, Total: 100, Chunks: job.Chunks{Total: 4, Encoded: 2}})
	c.pass(10 * time.Second)
	r.Progress(job.Progress{State: job.Splitting, Frames: 20})
	c.pass(10 * time.Second)
	r.Progress(job.Progress{State: job.Encoding, Frames: 120, Total: 100, Chunks: job.Chunks{Total: 4, Encoded: 1}})
	r.Note("waiting for something")
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (run with -update to accept):\n%s", file, got)
	}
}

func TestFormats(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59400 * time.Millisecond: "59s", 59600 * time.Millisecond: "1m00s",
		3*time.Minute + 12*time.Second: "3m12s", 62 * time.Minute: "1h02m",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("FormatDuration(%v) = %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 13002342: "12.4 MiB", 5 << 40: "5.0 TiB", 5000 << 40: "5000.0 TiB",
	} {
		if got := FormatBytes(n); got != want {
			t.Errorf("FormatBytes(%d) = %q, want %q", n, got, want)
		}
	}
}
