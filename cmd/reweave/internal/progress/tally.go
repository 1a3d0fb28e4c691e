package progress

import (
	"sync"
	"time"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
)

// tally is what is known of a job from all that was told of it. Messages may be
// lost, doubled, or come late: what it shows never goes back.
//
// A message is about the whole job or about one task. The tasks' frames add up to
// the job's, apart from those of the chunks that were there before the job.
type tally struct {
	sync.Mutex
	state         job.State
	chunks        job.Chunks
	frames, total int
	speed         speed
	closed        bool
	// tasks holds the encoded frames of every video task that spoke, and whole
	// counts the tasks, audio too, that were heard to be finished.
	tasks map[string]int
	whole map[string]bool
}

func newTally() tally { return tally{tasks: map[string]int{}, whole: map[string]bool{}} }

func (t *tally) addJob(j job.Job, now time.Time) {
	t.advance(j.State)
	t.addChunks(j.Chunks)
	t.total = max(t.total, j.Frames)
	if order[t.state] >= order[job.Muxing] && t.state != job.Failed && t.state != job.Cancelled {
		t.frames = t.total
	}
	t.count(now)
}

func (t *tally) addProgress(p job.Progress, now time.Time) {
	if p.Task == "" { // a task is encoded while the job may still be split
		t.advance(p.State)
	}
	t.addChunks(p.Chunks)
	t.total = max(t.total, p.Total)
	t.frames = max(t.frames, p.Frames)
	if p.Task != "" {
		t.addTask(p)
	}
	t.count(now)
}

func (t *tally) addTask(p job.Progress) {
	if !queue.TaskID(p.Task).IsAudio() {
		t.tasks[p.Task] = p.TaskFrames
	}
	if p.TaskTotal > 0 && p.TaskFrames >= p.TaskTotal {
		t.whole[p.Task] = true
	}
}

// count works out how many frames there are.
func (t *tally) count(now time.Time) {
	encoded := 0
	for _, n := range t.tasks {
		encoded += n
	}
	// How long each reused chunk is was never told: they are as long as all others.
	reused := 0
	if t.chunks.Total > 0 {
		reused = t.total * t.chunks.Reused / t.chunks.Total
	}
	t.frames = max(t.frames, encoded+reused)
	if t.total > 0 {
		t.frames = min(t.frames, t.total)
	}
	t.speed.add(now, max(encoded, t.frames-reused))
}

func (t *tally) addChunks(c job.Chunks) {
	total := max(t.chunks.Total, c.Total)
	if c.Done() >= t.chunks.Done() {
		t.chunks = c
	}
	t.chunks.Total = total
}

// done returns how many chunks are there.
func (t *tally) done() int {
	return max(t.chunks.Done(), min(t.chunks.Reused+len(t.whole), t.chunks.Total))
}

func (t *tally) percent() int {
	if t.total == 0 {
		return 0
	}
	return t.frames * 100 / t.total
}

// order ranks the states, so that a late message doesn't set a job back.
var order = map[job.State]int{
	job.Queued: 1, job.Splitting: 2, job.Encoding: 3, job.Muxing: 4, job.Done: 5, job.Failed: 5, job.Cancelled: 5,
}

// advance moves the state on, but never back.
func (t *tally) advance(s job.State) {
	if order[s] > order[t.state] {
		t.state = s
	}
}

// left is the time that the rest takes at the present speed, 0 when unknown.
func (t *tally) left() time.Duration {
	fps := t.speed.fps()
	if fps <= 0 || t.total <= t.frames {
		return 0
	}
	return time.Duration(float64(t.total-t.frames) / fps * float64(time.Second))
}
