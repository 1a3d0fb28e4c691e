package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

var doneJob = job.Job{
	ID: "01M7XR2ZTY0V2ZXATQMA7HMJMZ", State: job.Done, Frames: 1713, Duration: 57.1571,
	Chunks: job.Chunks{Total: 24, Encoded: 20, Reused: 4}, EncodeSeconds: 60.25,
	Output: &job.Output{Key: "jobs/x", SHA256: "ab", Bytes: 12345678},
}

func TestResultShape(t *testing.T) {
	var out bytes.Buffer
	if err := resultOf(doneJob, "/films/a<b>.mp4", 1500*time.Millisecond).print(&out); err != nil {
		t.Fatal(err)
	}
	want := `{"id":"01M7XR2ZTY0V2ZXATQMA7HMJMZ","state":"done","output":"/films/a<b>.mp4","frames":1713,"duration":57.1571,` +
		`"chunks":{"total":24,"encoded":20,"reused":4},"wall_seconds":1.5,"encode_seconds":60.25,"bytes":12345678}` + "\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", &out, want)
	}
}

func TestFailedResult(t *testing.T) {
	j := doneJob
	j.State, j.Output = job.Failed, nil
	j.Error = &fault.Problem{Type: fault.TypeBase + "encode-failed", Title: "the encode failed", Status: 500, Detail: "v12: the encode failed", Log: "Killed"}
	err := outcome(j)
	var out bytes.Buffer
	if perr := resultOf(j, "", time.Second).failed(err).print(&out); perr != nil {
		t.Fatal(perr)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := []string{"bytes", "chunks", "duration", "encode_seconds", "error", "frames", "id", "output", "state", "wall_seconds"}
	if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, want) {
		t.Errorf("fields %q, want %q", keys, want)
	}
	if string(got["state"]) != `"failed"` || !strings.Contains(string(got["error"]), `"log":"Killed"`) {
		t.Errorf("got %s", &out)
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		code int
	}{
		{"nothing", nil, 0},
		{"a defect", errors.New("nil map"), 1},
		{"a user's fault", fault.Userf("x", "", "x", ""), 2},
		{"a job that can't work", problem{fault.Problem{Status: 422}}, 2},
		{"a job that failed", problem{fault.Problem{Status: 500}}, 1},
		{"a server that is away", &fault.Error{Class: fault.Retry}, 1},
		{"an interruption", errInterrupted, 130},
		{"a watch that was left", errors.Join(errLeft, errors.New("cancelled")), 130},
		{"a cancelled job", outcome(job.Job{State: job.Cancelled}), 1},
	} {
		if got := exitCode(c.err); got != c.code {
			t.Errorf("%s: exit code %d, want %d", c.name, got, c.code)
		}
	}
}

func TestInterruptedResult(t *testing.T) {
	r := resultOf(job.Job{ID: "1", State: job.Encoding}, "", 0).failed(errInterrupted)
	if r.ID != "1" || r.State != stateInterrupted || r.Error.Status != 0 || r.Error.Slug() != interruptedType {
		t.Errorf("got %+v", r)
	}
}

func TestLine(t *testing.T) {
	got := line(errors.New("a\n\n  b\x1b[31m\r\n"))
	if want := "a; b; [31m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReport(t *testing.T) {
	r := resultOf(doneJob, "/films/a.mp4", 32100*time.Millisecond)
	r.Notes = []string{"stream 3 (data) is left out"}
	want := `/films/a.mp4
  film     1713 frames, 57.157 s, 11.8 MiB
  chunks   24: 20 encoded, 4 reused
  time     32.1 s, of which the encoders computed 60.2 s
  note     stream 3 (data) is left out
`
	if got := r.report(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestDescribeKeepsControlCharactersOff(t *testing.T) {
	j := doneJob
	j.Spec = job.Spec{Source: "upload:X", Name: "a\x1b]0;evil\x07.mov"}.WithDefaults()
	if got := describe(j, time.Now()); strings.ContainsAny(got, "\x1b\x07") || !strings.Contains(got, "preset medium, crf 23") {
		t.Errorf("got %q", got)
	}
}

// TestWhileLocked waits for another encode, and goes to a server that came meanwhile.
func TestWhileLocked(t *testing.T) {
	busy := &embed.LockedError{Dir: "/data", PID: 7}
	serving := &embed.LockedError{Dir: "/data", PID: 8, Addr: "http://127.0.0.1:9"}
	for name, c := range map[string]struct {
		starts []error
		notes  int
		server string
	}{
		"free":           {[]error{nil}, 0, ""},
		"busy":           {[]error{busy, busy, busy, nil}, 1, ""},
		"served":         {[]error{serving}, 0, serving.Addr},
		"busy, served":   {[]error{busy, errors.Join(serving)}, 1, serving.Addr},
		"busy, then bad": {[]error{busy, errInterrupted}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var notes []string
			var server string
			n := 0
			err := whileLocked(t.Context(), time.Millisecond, func(s string) { notes = append(notes, s) },
				func() error { n++; return c.starts[n-1] },
				func(url string) error { server = url; return nil })
			if want := c.starts[len(c.starts)-1]; c.server == "" && !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			if n != len(c.starts) || len(notes) != c.notes || server != c.server {
				t.Errorf("%d starts, notes %q, server %q", n, notes, server)
			}
		})
	}
}

func TestLacks(t *testing.T) {
	err := lacks("unsupported-codec", "--codec", "librav1e", []string{"libx264", "libx265"})
	if want := "--codec: this ffmpeg has no librav1e (use libx264, libx265)"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}
