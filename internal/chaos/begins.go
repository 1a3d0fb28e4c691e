package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// begin is the beginning of an encode, as the shim noted it.
type begin struct {
	job, task string
	at        time.Time
}

// begins returns the beginnings of all encodes, in their order.
func (w *world) begins() ([]begin, error) {
	text, err := os.ReadFile(filepath.Join(w.dir, "times"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	var all []begin
	for line := range strings.Lines(string(text)) {
		name, nanoseconds, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		parts := strings.Split(name, "-")
		n, err := strconv.ParseInt(nanoseconds, 10, 64)
		if err != nil || len(parts) < 3 {
			return nil, fmt.Errorf("the shim noted %q", line)
		}
		all = append(all, begin{parts[0], parts[1], time.Unix(0, n)})
	}
	slices.SortStableFunc(all, func(x, y begin) int { return x.at.Compare(y.at) })
	return all, nil
}

// of returns the beginnings that belong to jobs.
func of(all []begin, ids ...string) (ours []begin) {
	for _, b := range all {
		if slices.Contains(ids, b.job) {
			ours = append(ours, b)
		}
	}
	return ours
}

// before counts the beginnings before the first one of a job, or all where it has none.
func before(all []begin, id string) int {
	if i := slices.IndexFunc(all, func(b begin) bool { return b.job == id }); i >= 0 {
		return i
	}
	return len(all)
}

// percentile returns the value that p per cent of the values don't exceed, by the nearest
// rank; 0 where there is no value.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}
