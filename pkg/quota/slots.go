package quota

import (
	"slices"
	"strings"
)

// Slots are the tasks of a tenant that hold one of its slots, and those that wait for one.
// A task holds its slot from the moment in which it may enter the queue until it is done,
// so a tenant never has more tasks at the workers than it has slots. Tasks are named
// JOB/TASK.
type Slots struct {
	// Limit is how many tasks may hold a slot, as the newest job, By, says.
	Limit int    `json:"limit"`
	By    string `json:"by"`
	// Held and Waiting are in the order of their coming.
	Held    []string `json:"held,omitempty"`
	Waiting []string `json:"waiting,omitempty"`
}

// Offer has a task of a job with this limit wait for a slot, unless it holds one or waits
// already. It returns the tasks that may enter the queue: those that got a slot now, and
// the offered one when it had one.
func (s *Slots) Offer(task string, limit int) (enter []string) {
	s.limit(task, limit)
	switch {
	case slices.Contains(s.Held, task):
		enter = append(enter, task)
	case !slices.Contains(s.Waiting, task):
		s.Waiting = append(s.Waiting, task)
	}
	return append(enter, s.grant()...)
}

// Finish gives a task's slot back and returns the tasks that may enter the queue by that.
// For a task that held none, as when it is finished once more after a crash, these are all
// that hold one: whoever was to let them in may have died.
func (s *Slots) Finish(task string, limit int) (enter []string) {
	s.limit(task, limit)
	return s.drop(func(t string) bool { return t == task })
}

// Drop forgets a job that ended; else it is as Finish.
func (s *Slots) Drop(job string) (enter []string) {
	return s.drop(func(t string) bool { return strings.HasPrefix(t, job+"/") })
}

func (s *Slots) drop(gone func(string) bool) (enter []string) {
	held := len(s.Held)
	s.Held, s.Waiting = slices.DeleteFunc(s.Held, gone), slices.DeleteFunc(s.Waiting, gone)
	if len(s.Held) == held {
		s.grant()
		return slices.Clone(s.Held)
	}
	return s.grant()
}

// limit takes the limit of the newest job: ids sort by time.
func (s *Slots) limit(task string, limit int) {
	if job, _, _ := strings.Cut(task, "/"); job >= s.By {
		s.By, s.Limit = job, limit
	}
}

// grant gives free slots to those that wait, and returns them. The job that holds the
// fewest comes first, so that a tenant's long job does not keep its short ones waiting.
func (s *Slots) grant() (granted []string) {
	for len(s.Waiting) > 0 && len(s.Held) < s.Limit {
		best := 0
		for i := range s.Waiting {
			if s.holds(s.Waiting[i]) < s.holds(s.Waiting[best]) {
				best = i
			}
		}
		granted, s.Held = append(granted, s.Waiting[best]), append(s.Held, s.Waiting[best])
		s.Waiting = slices.Delete(s.Waiting, best, best+1)
	}
	return granted
}

// holds counts the slots that a task's job holds.
func (s *Slots) holds(task string) (n int) {
	job, _, _ := strings.Cut(task, "/")
	for _, t := range s.Held {
		if strings.HasPrefix(t, job+"/") {
			n++
		}
	}
	return n
}
