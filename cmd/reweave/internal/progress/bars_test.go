package progress

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbauerster/mpb/v8"

	"github.com/reweave/reweave/pkg/job"
)

// screen is a writer that can be waited upon.
type screen struct {
	mu      sync.Mutex
	written strings.Builder
	news    chan struct{}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.written.Write(p)
	select {
	case s.news <- struct{}{}:
	default:
	}
	return n, err
}

func (s *screen) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		s.mu.Lock()
		found := strings.Contains(s.written.String(), text)
		s.mu.Unlock()
		if found {
			return
		}
		select {
		case <-s.news:
		case <-deadline:
			t.Fatalf("%q never appeared on the screen, which ends with:\n%s", text, s.end())
		}
	}
}

// end returns the last that was written.
func (s *screen) end() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written.String()[max(0, s.written.Len()-500):]
}

func TestBarsShowTheJobAndItsChunks(t *testing.T) {
	s := &screen{news: make(chan struct{}, 1)}
	b := newBars(s, time.Now, mpb.WithAutoRefresh(), mpb.WithWidth(120), mpb.WithRefreshRate(5*time.Millisecond))
	b.Note("using the server at http://127.0.0.1:8080")
	s.await(t, "reweave: using the server")
	b.Transfer("uploading clip.mov", 1<<20, 2<<20)
	s.await(t, "1.0 MiB of 2.0 MiB")
	b.Transfer("uploading clip.mov", 2<<20, 2<<20)
	b.Job(job.Job{State: job.Encoding, Frames: 200, Chunks: job.Chunks{Total: 4, Reused: 1}})
	s.await(t, "encoding: 25 % (50/200 frames, 1/4 chunks, 1 reused)")
	b.Progress(job.Progress{State: job.Encoding, Task: "v1", TaskFrames: 40, TaskTotal: 50, Worker: "w1"})
	s.await(t, "encoding: 45 % (90/200 frames")
	s.await(t, "40/50  w1")
	b.Progress(job.Progress{State: job.Encoding, Task: "v1", TaskFrames: 50, TaskTotal: 50, Worker: "w1"})
	b.Progress(job.Progress{State: job.Encoding, Task: "v1", TaskFrames: 3, TaskTotal: 50, Worker: "w2"})
	s.await(t, "3/50  w2")
	b.Job(job.Job{State: job.Muxing, Frames: 200})
	s.await(t, "muxing")
	if len(b.tasks) != 0 {
		t.Errorf("%d chunks still have a bar while muxing", len(b.tasks))
	}
	b.Close()
	b.Close()
	b.Progress(job.Progress{State: job.Muxing, Frames: 200})
}
