package natsq

import (
	"slices"
	"sync"

	"github.com/reweave/reweave/pkg/job"
)

// share is how many leases there are for one that a waiting class is sure of, however
// many tasks of more urgent classes wait.
const share = 8

// turns says in which order the lanes of one kind of work are looked at. More urgent
// classes come first, but for two things:
//
//   - A class that saw share-1 leases go to more urgent ones is looked at first, once.
//     After such a turn comes a look in the plain order, so that an urgent task never
//     waits for two others in a row.
//   - Within a class the lane comes first that got nothing for the longest time: where one
//     worker has several builds, a film for one of them must not keep out the others.
//
// Each process counts for itself, and that is enough: the shares add up.
type turns struct {
	mu sync.Mutex
	// passed counts, for each class, the leases of more urgent ones since its last turn.
	passed map[job.Class]int
	// served is when each lane last had a lease, by its durable name, in leases.
	served map[string]int
	leases int
	// plain asks for the plain order: the last look gave a turn away.
	plain bool
}

// order returns the lanes in the order to look at them.
func (t *turns) order(lanes []lane) []lane {
	t.mu.Lock()
	defer t.mu.Unlock()
	due := t.due()
	lanes = slices.Clone(lanes)
	slices.SortStableFunc(lanes, func(x, y lane) int {
		if c := rank(x.class, due) - rank(y.class, due); c != 0 {
			return c
		}
		return t.served[x.durable] - t.served[y.durable]
	})
	return lanes
}

// due returns the class whose turn it is, the least urgent first, or "" for none. A turn
// counts as taken, whether the class has work or not.
func (t *turns) due() job.Class {
	if t.plain {
		t.plain = false
		return ""
	}
	for _, class := range slices.Backward(job.Classes) {
		if t.passed[class] >= share-1 {
			t.passed[class], t.plain = 0, true
			return class
		}
	}
	return ""
}

// rank is the place of a class in the order, with the one that is due before all others.
func rank(c, due job.Class) int {
	if c == due {
		return -1
	}
	return slices.Index(job.Classes, c)
}

// took notes that a lane had a lease.
func (t *turns) took(ln lane) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.served == nil {
		t.served, t.passed = map[string]int{}, map[job.Class]int{}
	}
	t.leases++
	t.served[ln.durable] = t.leases
	for i, class := range job.Classes {
		switch at := slices.Index(job.Classes, ln.class); {
		case i > at:
			t.passed[class]++
		case i == at:
			t.passed[class] = 0
		}
	}
}
