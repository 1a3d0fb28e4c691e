package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/reweave/reweave/cmd/reweave/internal/progress"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

// stateInterrupted is the state in the result of a run that was interrupted; the
// job itself then is cancelled, or gone with its node.
const stateInterrupted job.State = "interrupted"

// result is what became of an encode, as --json prints it.
type result struct {
	ID    string    `json:"id"`
	State job.State `json:"state"`
	// Output is the absolute path of the deliverable, "" when there is none.
	Output   string     `json:"output"`
	Frames   int        `json:"frames"`
	Duration float64    `json:"duration"`
	Chunks   job.Chunks `json:"chunks"`
	// WallSeconds is the time that the whole command took.
	WallSeconds float64 `json:"wall_seconds"`
	// EncodeSeconds is the CPU time of all encoders.
	EncodeSeconds float64        `json:"encode_seconds"`
	Bytes         int64          `json:"bytes"`
	Notes         []string       `json:"notes,omitempty"`
	Error         *fault.Problem `json:"error,omitempty"`
}

// resultOf tells of a job after a run that took wall and put output in its place.
func resultOf(j job.Job, output string, wall time.Duration) result {
	r := result{
		ID: j.ID, State: j.State, Output: output, Frames: j.Frames, Duration: j.Duration, Chunks: j.Chunks,
		WallSeconds: wall.Seconds(), EncodeSeconds: j.EncodeSeconds, Notes: j.Notes, Error: j.Error,
	}
	if j.Output != nil {
		r.Bytes = j.Output.Bytes
	}
	return r
}

// failedResult tells of a run that ended before it had a job.
func failedResult(err error) result { return result{}.failed(err) }

// failed makes r the result of a run that err ended.
func (r result) failed(err error) result {
	p := problemOf(err)
	r.Error, r.Output, r.State = &p, "", job.Failed
	if p.Slug() == interruptedType {
		r.State = stateInterrupted
	}
	return r
}

func (r result) print(w io.Writer) error {
	return printObject(w, r)
}

func printObject(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// report returns the result for people.
func (r result) report() string {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-8s "+format+"\n", append([]any{name}, args...)...)
	}
	fmt.Fprintln(&b, r.Output)
	row("film", "%d frames, %.3f s, %s", r.Frames, r.Duration, progress.FormatBytes(r.Bytes))
	row("chunks", "%d: %d encoded, %d reused", r.Chunks.Total, r.Chunks.Encoded, r.Chunks.Reused)
	row("time", "%.1f s, of which the encoders computed %.1f s", r.WallSeconds, r.EncodeSeconds)
	for _, n := range r.Notes {
		row("note", "%s", n)
	}
	return b.String()
}

// wantsJSON reports whether a command line that may not be understood asks for JSON.
func wantsJSON(args []string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return len(args) > 0 && (args[0] == "encode" || args[0] == "patch") && (slices.Contains(args, "--json") || slices.Contains(args, "--json=true"))
}
