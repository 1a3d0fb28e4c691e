package ffmpeg

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/reweave/reweave/pkg/fault"
)

const (
	// spinLimit is the CPU time in which a child that neither reads nor writes a byte is
	// taken for one that never will again: a damaged or made-up source can lead a demuxer or
	// a decoder round in a circle. The largest frames take a fraction of it.
	spinLimit = 20 * time.Minute
	// spinEvery is the time between two looks at a child.
	spinEvery = 30 * time.Second
)

// usage is what a child has used and done so far: see usageOf.
type usage struct {
	cpu time.Duration
	io  uint64 // bytes read and written, by pipes and files alike
}

// spin watches one child.
type spin struct {
	limit      time.Duration
	quit, done chan struct{}
	found      atomic.Bool
}

// watchSpin has stop called once the process has used so much CPU time without reading or
// writing anything. Where the system doesn't tell, nobody watches.
func watchSpin(pid int, limit, every time.Duration, stop func()) *spin {
	s := &spin{limit: limit, quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		var last usage // when something was last read or written
		for {
			select {
			case <-s.quit:
				return
			case <-tick.C:
			}
			now, ok := usageOf(pid)
			switch {
			case !ok:
				return
			case now.io != last.io:
				last = now
			case now.cpu-last.cpu > limit:
				s.found.Store(true)
				stop()
				return
			}
		}
	}()
	return s
}

// end ends the watch, and returns what it found.
func (s *spin) end() error {
	close(s.quit)
	<-s.done
	if !s.found.Load() {
		return nil
	}
	return endless(s.limit)
}

func endless(limit time.Duration) error {
	return &fault.Error{
		Class: fault.User, Type: "unreadable-source", Where: "ffmpeg",
		Title: fmt.Sprintf("it used %s of CPU time on the file without getting any further", limit),
		Hint:  "the file is damaged, or made so; try a copy of it: ffmpeg -i IN -c copy OUT.mkv",
	}
}
