package plan

import (
	"encoding/json"
	"fmt"
	"iter"
)

// Times is an increasing list of times, kept as the first one and runs of equal steps:
// film of constant rate takes one run, whatever its length. In JSON it is
// [first, step, count, step, count, …].
type Times struct {
	first int64
	n     int
	runs  []run
}

type run struct{ step, count int64 }

// maxTimes bounds what Times reads from JSON: a week at 120 frames a second.
const maxTimes = 7 * 24 * 3600 * 120

// NewTimes returns the list of the given times.
func NewTimes(times []int64) Times {
	var t Times
	for i, v := range times {
		if i == 0 {
			t.first, t.n = v, 1
			continue
		}
		t.add(v-times[i-1], 1)
	}
	return t
}

func (t *Times) add(step, count int64) {
	t.n += int(count)
	if k := len(t.runs) - 1; k >= 0 && t.runs[k].step == step {
		t.runs[k].count += count
		return
	}
	t.runs = append(t.runs, run{step, count})
}

// Len returns how many times there are.
func (t Times) Len() int { return t.n }

// First returns the first time, or 0 when there is none.
func (t Times) First() int64 { return t.first }

// All yields the times with their numbers.
func (t Times) All() iter.Seq2[int, int64] {
	return func(yield func(int, int64) bool) {
		if t.n == 0 || !yield(0, t.first) {
			return
		}
		i, v := 1, t.first
		for _, r := range t.runs {
			for range r.count {
				v += r.step
				if !yield(i, v) {
					return
				}
				i++
			}
		}
	}
}

// Slice returns the times less origin.
func (t Times) Slice(origin int64) []int64 {
	out := make([]int64, 0, t.n)
	for _, v := range t.All() {
		out = append(out, v-origin)
	}
	return out
}

// MarshalJSON writes [first, step, count, …].
func (t Times) MarshalJSON() ([]byte, error) {
	flat := []int64{}
	if t.n > 0 {
		flat = append(flat, t.first)
	}
	for _, r := range t.runs {
		flat = append(flat, r.step, r.count)
	}
	return json.Marshal(flat)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Times) UnmarshalJSON(b []byte) error {
	var flat []int64
	if err := json.Unmarshal(b, &flat); err != nil {
		return err
	}
	*t = Times{}
	if len(flat) == 0 {
		return nil
	}
	if len(flat)%2 == 0 {
		return fmt.Errorf("read times: %d numbers, want an odd count", len(flat))
	}
	t.first, t.n = flat[0], 1
	for i := 1; i < len(flat); i += 2 {
		if flat[i+1] < 1 || flat[i+1] > maxTimes || int64(t.n)+flat[i+1] > maxTimes {
			return fmt.Errorf("read times: a run of %d steps", flat[i+1])
		}
		t.add(flat[i], flat[i+1])
	}
	return nil
}
