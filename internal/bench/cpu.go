package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// clockTick is the unit of CPU times in /proc/PID/stat (proc(5)), which is 1/100 s on all
// common machines.
const clockTick = 10 * time.Millisecond

// cpuTime is the CPU time that this process and its children have taken: those that it
// waited for, and those that run, such as the S3 server.
func cpuTime() (sum time.Duration, err error) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			return 0, fmt.Errorf("ask for CPU time: %w", err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// Behind the name, which may hold anything: state, ppid, …, utime and stime.
		f := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if string(f[1]) != strconv.Itoa(os.Getpid()) {
			continue
		}
		for _, ticks := range f[11:13] {
			n, err := strconv.Atoi(string(ticks))
			if err != nil {
				return 0, fmt.Errorf("read %s: %w", file, err)
			}
			sum += time.Duration(n) * clockTick
		}
	}
	return sum, nil
}

// took is what something took, all processes of it together.
type took struct{ wall, cpu time.Duration }

// more adds how much more we took than the peer, the best of each.
func (b *bench) more(what string, ours, hand []took, of func(took) time.Duration, goal string) {
	least := func(all []took) time.Duration {
		return of(slices.MinFunc(all, func(x, y took) int { return cmp.Compare(of(x), of(y)) }))
	}
	best, peer := least(ours), least(hand)
	b.add(what, secs(best), secs(peer), fmt.Sprintf("%+.1f %%", 100*(best.Seconds()/peer.Seconds()-1)), goal)
}

// measured tells what something takes that ends with this process as it was before.
func measured(do func() error) (t took, err error) {
	before, err := cpuTime()
	if err != nil {
		return took{}, err
	}
	start := time.Now()
	if err := do(); err != nil {
		return took{}, err
	}
	t.wall = time.Since(start)
	after, err := cpuTime()
	t.cpu = after - before
	return t, err
}
