package progress

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
)

// forgotten is how long a task's bar stays without news of the task: its worker
// may have died, and another one then speaks for it.
const forgotten = time.Minute

// bars draws one bar for the whole job and one for each running task.
//
// The library draws from goroutines of its own that wait for what they draw, so
// they never take the lock: they read texts that were stored before.
type bars struct {
	tally
	now      func() time.Time
	screen   *mpb.Progress
	transfer *bar
	moving   string
	overall  *bar
	tasks    map[string]*bar
}

// bar is one line on the screen.
type bar struct {
	*mpb.Bar
	text atomic.Pointer[string]
	seen time.Time
	// whole is set when the task's last frame was told.
	whole bool
}

func newBars(w io.Writer, now func() time.Time, options ...mpb.ContainerOption) *bars {
	options = append([]mpb.ContainerOption{mpb.WithOutput(w), mpb.WithRefreshRate(200 * time.Millisecond)}, options...)
	return &bars{tally: newTally(), now: now, screen: mpb.New(options...), tasks: map[string]*bar{}}
}

// bar adds a line; those with lower places are drawn above.
func (b *bars) bar(name string, place int) *bar {
	n := &bar{seen: b.now()}
	n.say("")
	n.Bar = b.screen.New(0, mpb.BarStyle().Lbound("[").Filler("=").Tip(">").Padding(" ").Rbound("]"),
		mpb.BarPriority(place), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(name, decor.WC{W: 12, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return *n.text.Load() })))
	return n
}

func (n *bar) say(text string) { n.text.Store(&text) }

func (n *bar) set(done, total int64) {
	if total > 0 {
		n.SetTotal(total, false)
	}
	n.SetCurrent(done)
}

func (b *bars) Note(line string) {
	b.Lock()
	defer b.Unlock()
	if !b.closed {
		_, _ = fmt.Fprintln(b.screen, "reweave: "+line) // nobody is left to tell when it fails
	}
}

func (b *bars) Transfer(what string, done, total int64) {
	b.Lock()
	defer b.Unlock()
	if b.closed {
		return
	}
	if b.transfer == nil || b.moving != what {
		b.drop(&b.transfer)
		name, _, _ := strings.Cut(what, " ")
		b.transfer, b.moving = b.bar(name, 0), what
	}
	b.transfer.say(fmt.Sprintf(" %s of %s", FormatBytes(done), FormatBytes(total)))
	b.transfer.set(done, total)
	if done >= total {
		b.drop(&b.transfer)
		b.moving = ""
	}
}

func (b *bars) Job(j job.Job) {
	b.Lock()
	defer b.Unlock()
	b.addJob(j, b.now())
	b.draw()
}

func (b *bars) Progress(p job.Progress) {
	b.Lock()
	defer b.Unlock()
	b.addProgress(p, b.now())
	b.draw()
	if !b.closed && p.Task != "" && b.state != job.Muxing && !b.state.Final() {
		b.drawTask(p)
	}
}

func (b *bars) draw() {
	if b.closed {
		return
	}
	if b.overall == nil {
		b.overall = b.bar("job", 1)
	}
	b.overall.say(" " + b.describe())
	b.overall.set(int64(b.frames), int64(b.total))
	for task, t := range b.tasks {
		if b.state == job.Muxing || b.state.Final() || b.now().Sub(t.seen) > forgotten {
			b.drop(&t)
			delete(b.tasks, task)
		}
	}
}

func (b *bars) drawTask(p job.Progress) {
	t := b.tasks[p.Task]
	whole := p.TaskTotal > 0 && p.TaskFrames >= p.TaskTotal
	if t != nil && t.whole && !whole {
		t = nil // its worker died behind the last frame; another one begins anew
	}
	if t == nil {
		id := queue.TaskID(p.Task)
		t = b.bar(taskName(id), taskPlace(id))
		b.tasks[p.Task] = t
	}
	if t.whole {
		return
	}
	t.seen = b.now()
	t.set(int64(p.TaskFrames), int64(p.TaskTotal))
	t.say(fmt.Sprintf(" %d/%d  %s", p.TaskFrames, p.TaskTotal, p.Worker))
	if whole {
		t.whole = true
		t.Abort(true)
	}
}

func taskName(id queue.TaskID) string {
	if id.IsAudio() {
		return fmt.Sprintf("  audio %d", id.Index())
	}
	return fmt.Sprintf("  chunk %d", id.Index())
}

// taskPlace puts audio under the job's bar and chunks below, in their order.
func taskPlace(id queue.TaskID) int {
	if id.IsAudio() {
		return 2
	}
	return 3 + max(id.Index(), 0)
}

func (b *bars) drop(n **bar) {
	if *n != nil {
		(*n).Abort(true)
		*n = nil
	}
}

func (b *bars) Close() {
	b.Lock()
	defer b.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	b.drop(&b.transfer)
	b.drop(&b.overall)
	for _, t := range b.tasks {
		t.Abort(true)
	}
	b.screen.Wait()
}
