package ffmpeg

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// tick is the kernel's unit of CPU time in proc(5), whatever the machine.
const tick = time.Second / 100

// usageOf reads what a process and its threads have used (proc_pid_stat(5), proc_pid_io(5)).
func usageOf(pid int) (u usage, ok bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, false
	}
	// Behind the name, which may hold anything, come state and ten numbers, then the two.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return usage{}, false
	}
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return usage{}, false
	}
	io, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return usage{}, false
	}
	var read, written uint64
	if _, err := fmt.Sscanf(string(io), "rchar: %d\nwchar: %d", &read, &written); err != nil {
		return usage{}, false
	}
	return usage{cpu: time.Duration(user+system) * tick, io: read + written}, true
}
