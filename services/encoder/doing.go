package encoder

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/queue"
)

// doing is what the slots work on.
type doing struct {
	mu    sync.Mutex
	tasks map[string]*queue.Doing // by JOB/TASK
	// changed holds one word that a task began or ended.
	changed chan struct{}
}

func newDoing() *doing {
	return &doing{tasks: map[string]*queue.Doing{}, changed: make(chan struct{}, 1)}
}

// begin notes that a task began; the caller calls done when it ended, however it did.
func (d *doing) begin(t queue.Task) (done func()) {
	name := t.Job + "/" + string(t.ID)
	d.mu.Lock()
	defer d.mu.Unlock()
	mine := &queue.Doing{Job: t.Job, Task: t.ID, Codec: t.Recipe.Codec, Total: t.Frames, Since: time.Now().UTC()}
	d.tasks[name] = mine
	d.tell()
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.tasks[name] == mine { // a lease that ran out may have come back to another slot
			delete(d.tasks, name)
		}
		d.tell()
	}
}

func (d *doing) tell() {
	select {
	case d.changed <- struct{}{}:
	default: // it is told already
	}
}

// frames notes how many frames of a task are encoded.
func (d *doing) frames(t queue.Task, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if mine := d.tasks[t.Job+"/"+string(t.ID)]; mine != nil {
		mine.Frames = n
	}
}

// list returns the tasks, the longest first.
func (d *doing) list() (all []queue.Doing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.tasks {
		all = append(all, *t)
	}
	slices.SortFunc(all, func(x, y queue.Doing) int {
		if c := x.Since.Compare(y.Since); c != 0 {
			return c
		}
		return strings.Compare(x.Job+string(x.Task), y.Job+string(y.Task))
	})
	return all
}

const (
	// announcements is how often at least a worker tells that it lives, unless its lease
	// is shorter: it is forgotten when that runs out.
	announcements = 10 * time.Second
	// busyAnnouncements is how often it tells how far it is, and newsAfter how long it
	// gathers news of tasks that began and ended.
	busyAnnouncements, newsAfter = 2 * time.Second, 250 * time.Millisecond
)

// announce tells of this worker until ctx ends: at every change, and now and then.
func (s *service) announce(ctx context.Context) {
	every := min(announcements, s.env.Bus.AckWait()/3)
	tick := time.NewTimer(every)
	defer tick.Stop()
	drain, soon, recalled := s.env.Drain, false, time.Now()
	for {
		select {
		case <-ctx.Done():
			// Harmless when it fails: the entry ends by itself.
			_ = s.env.Bus.Retire(context.WithoutCancel(ctx), s.me.ID)
			return
		case <-drain:
			s.me.Draining, drain = true, nil
		case <-s.doing.changed:
			if !soon { // or a worker that is always busy with short tasks would never tell
				tick.Reset(newsAfter)
				soon = true
			}
			continue
		case <-tick.C:
		}
		err := s.env.Bus.Announce(ctx, s.now())
		if time.Since(recalled) >= every {
			err, recalled = errors.Join(err, s.recall(ctx)), time.Now()
		}
		if err != nil && ctx.Err() == nil {
			s.env.Log.Warn("announce worker", zap.Error(err))
		}
		soon = false
		if len(s.doing.list()) > 0 {
			tick.Reset(min(every, busyAnnouncements))
		} else {
			tick.Reset(every)
		}
	}
}
