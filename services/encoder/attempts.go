package encoder

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/lifecycle"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/queue/natsq"
)

// tries is what the history of a task comes to.
type tries struct {
	failed int
	// died counts the tries that began and never came to an end: their worker died.
	died int
	// last is why the last one failed.
	last string
	// starved says that one was killed for want of memory beside others.
	starved bool
	// by counts the failed ones by worker.
	by map[string]int
}

// count adds up a history. Tries handed back in good order don't count, and what is handed
// back before it began takes nothing off.
func count(history []queue.Attempt) (n tries) {
	begun := map[string]bool{} // by worker
	n.by = map[string]int{}
	for _, a := range history {
		if begun[a.Worker] && a.Kind != queue.AttemptStart {
			n.died--
		}
		begun[a.Worker] = a.Kind == queue.AttemptStart
		switch a.Kind {
		case queue.AttemptStart:
			n.died++
		case queue.AttemptRelease:
			n.starved = n.starved || strings.HasPrefix(a.Detail, starved)
		case queue.AttemptFail:
			n.failed++
			n.by[a.Worker]++
			n.last = a.Detail
		}
	}
	return n
}

// poisoned reports whether a task has been tried often enough. Where there is another
// worker, one alone does not decide: it may be that one which is broken.
func (n tries) poisoned(another bool) bool {
	return n.failed >= maxAttempts && (len(n.by) >= 2 || !another) || n.failed+n.died >= maxDeaths
}

// told tells how often a task failed, and where.
func (n tries) told() string {
	return fmt.Sprintf("tried %d times, on %s", n.failed, strings.Join(slices.Sorted(maps.Keys(n.by)), " and "))
}

// errElsewhere says that a task is for another worker to try.
var errElsewhere = errors.New("another worker is to try it")

// elsewhereDelay is how long a task is not offered again behind [errElsewhere], and
// elsewhereRest how long the slot that left it takes nothing, so that another worker does.
const (
	elsewhereDelay = 100 * time.Millisecond
	elsewhereRest  = 2 * time.Second
)

// admit finds out whether a task may be tried: not when too many tries have ended badly,
// or all those that this worker may take. alone says that it must be without company.
func (s *service) admit(ctx context.Context, t queue.Task) (alone bool, err error) {
	history, err := s.env.Bus.Attempts(ctx, t.Job, t.ID)
	if err != nil {
		return false, err
	}
	n := count(history)
	another, err := s.another(ctx, t, n)
	if err != nil {
		return false, err
	}
	if n.poisoned(another) {
		last := n.last
		if last == "" {
			last = "its worker died each time"
		}
		return false, &fault.Error{
			Class: fault.Permanent, Type: "poison-segment", Where: place(t),
			Title: fmt.Sprintf("%d tries to encode it ended badly", n.failed+n.died), Err: errors.New(last),
		}
	}
	if another && n.by[s.me.ID] >= maxAttempts-1 {
		return false, errElsewhere
	}
	return n.starved, nil
}

// another reports whether a worker is there that could do the task and hasn't failed it.
// While none has, nobody asks.
func (s *service) another(ctx context.Context, t queue.Task, n tries) (bool, error) {
	if n.failed == 0 {
		return true, nil
	}
	workers, err := s.env.Bus.Workers(ctx)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(workers, func(w queue.Worker) bool {
		return n.by[w.ID] == 0 && w.ID != s.me.ID && !w.Draining && w.Encoders[t.Recipe.Codec].Build == t.Recipe.Encoder
	}), nil
}

func (s *service) record(ctx context.Context, t queue.Task, kind, detail string) error {
	return s.env.Bus.RecordAttempt(ctx, queue.Attempt{
		Job: t.Job, Task: t.ID, Worker: s.me.ID, Kind: kind, At: time.Now().UTC(), Detail: detail,
	})
}

// failed settles a task that could not be done: it is tried again a little later, here
// or elsewhere, and fails its job when that was tried often enough.
func (s *service) failed(ctx context.Context, lease *natsq.Lease, t queue.Task, cause error) error {
	class := fault.Of(cause)
	if isType(cause, lostSegment) {
		return s.restore(ctx, lease, t, cause)
	}
	if hungry, ok := errors.AsType[*starvedError](cause); ok {
		return errors.Join(s.record(ctx, t, queue.AttemptRelease, starved+hungry.Error()), lease.Return(ctx, 0))
	}
	if class == fault.Retry || natsq.Passing(cause) {
		// Something we depend on is in trouble, which is no fault of the task.
		return errors.Join(s.record(ctx, t, queue.AttemptRelease, cause.Error()), lease.Return(ctx, time.Second))
	}
	if err := s.record(ctx, t, queue.AttemptFail, cause.Error()); err != nil {
		return err
	}
	history, err := s.env.Bus.Attempts(ctx, t.Job, t.ID)
	if err != nil {
		return err
	}
	n := count(history)
	another, err := s.another(ctx, t, n)
	if err != nil {
		return err
	}
	// A store that is full stays so for the next try: the encode would be for nothing.
	if !n.poisoned(another) && class != fault.User && !isType(cause, "no-space") {
		return lease.Return(ctx, time.Duration(n.failed)*500*time.Millisecond)
	}
	located := located(t, cause)
	if n.failed > 1 {
		located.Title += " (" + n.told() + ")"
	}
	if err := lifecycle.Fail(ctx, s.env.Bus, s.env.Store, t.Job, located); err != nil {
		return err
	}
	return lease.Ack(ctx)
}

func isType(err error, slug string) bool {
	e, ok := errors.AsType[*fault.Error](err)
	return ok && e.Type == slug
}

// located adds to an error where it happened, unless it tells already.
func located(t queue.Task, err error) *fault.Error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return &fault.Error{Class: fault.Permanent, Type: "encode-failed", Where: place(t), Title: "the encode failed", Err: err}
	}
	out := *e
	if out.Where == "" {
		out.Where = place(t)
	} else if out.Where != place(t) {
		out.Err = errors.New(out.Where)
		out.Where = place(t)
	}
	return &out
}

// restore has a lost segment stored again. While its job is still being split nothing can
// be done yet. The task stays in the queue: acknowledged, it could take away the one that
// the splitter offers.
func (s *service) restore(ctx context.Context, lease *natsq.Lease, t queue.Task, lost error) error {
	if err := s.record(ctx, t, queue.AttemptRelease, lost.Error()); err != nil {
		return err
	}
	j, err := s.env.Bus.Job(ctx, t.Job)
	if err != nil {
		return err
	}
	if j.State != job.Splitting {
		err = lifecycle.Resplit(ctx, s.env.Bus, s.env.Store, t.Job, lost, s.env.Bus.EnqueueMux)
	}
	return errors.Join(err, lease.Return(ctx, time.Second))
}

// place names a task as a user knows it: by its frames.
func place(t queue.Task) string {
	if t.ID.IsAudio() {
		return fmt.Sprintf("audio track %d", t.ID.Index())
	}
	rate := t.Recipe.Rate.Float()
	at := ""
	if rate > 0 {
		at = fmt.Sprintf(", near %s", time.Duration(float64(t.Start)/rate*float64(time.Second)).Round(time.Millisecond))
	}
	return fmt.Sprintf("segment %d (frames %d to %d%s)", t.ID.Index(), t.Start, t.Start+t.Frames-1, at)
}
