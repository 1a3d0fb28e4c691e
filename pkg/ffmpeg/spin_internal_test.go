package ffmpeg

import (
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/reweave/reweave/pkg/fault"
)

// TestAChildThatGoesRoundInACircleIsEnded lets one child work for ever and tell nobody, and
// another one use as much and write now and then.
func TestAChildThatGoesRoundInACircleIsEnded(t *testing.T) {
	tool, err := Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	endless := func(args ...string) *Command {
		cmd := tool.Command(t.Context(), append([]string{"-f", "lavfi", "-i", "testsrc2=size=640x360"}, args...)...)
		cmd.spinLimit, cmd.spinEvery = 500*time.Millisecond, 50*time.Millisecond
		return cmd
	}
	err = endless("-f", "null", "-").Run(t.Context())
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Class != fault.User || f.Type != "unreadable-source" {
		t.Errorf("for ever, and nothing told: %v", err)
	}
	slow := endless("-t", "600", "-f", "null", "-")
	slow.Slow()
	if err := slow.Run(t.Context()); err != nil || slow.CPUSeconds() < 1 {
		t.Errorf("a slow one was ended after %.1f s: %v", slow.CPUSeconds(), err)
	}
	cmd := endless("-f", "rawvideo", "pipe:1")
	enough := &quota{left: 1500 * time.Millisecond, used: func() time.Duration { u, _ := usageOf(cmd.cmd.Process.Pid); return u.cpu }}
	cmd.Stdout(enough)
	if err := cmd.Run(t.Context()); err == nil || fault.Of(err) == fault.User || !enough.reached {
		t.Errorf("who writes was ended: %v", err)
	}
}

// quota is a reader that has enough once so much CPU time was used.
type quota struct {
	left    time.Duration
	used    func() time.Duration
	reached bool
}

func (q *quota) Write(p []byte) (int, error) {
	if q.reached = q.used() >= q.left; q.reached {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

// TestAnswersOfFFprobeAreBounded has the answer grow beyond what any film needs.
func TestAnswersOfFFprobeAreBounded(t *testing.T) {
	var b bounded
	piece := []byte(strings.Repeat("x", 1<<20))
	for n := range largestAnswer / len(piece) {
		if _, err := b.Write(piece); err != nil {
			t.Fatalf("piece %d: %v", n, err)
		}
	}
	if _, err := b.Write([]byte("x")); err == nil || !b.over || b.text.Len() != largestAnswer {
		t.Errorf("%d bytes were taken: %v", b.text.Len(), err)
	}
	cmd := exec.CommandContext(t.Context(), "yes")
	cmd.Stdout = &bounded{}
	if err := cmd.Run(); err == nil {
		t.Error("a child that never stops was not ended")
	}
}
