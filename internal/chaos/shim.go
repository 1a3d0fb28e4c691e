package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// shim stands before ffmpeg in the PATH of the services. It adds a line to the file
// encodes for every encode of a task, named JOB-TASK-RANDOM after its directory; it
// waits as long as the file delay says; and for the task that the file poison names it
// does what that says. Where there is a file least, the encode takes at least as long as
// that says, and the file times gets a line NAME NANOSECONDS at its beginning; it
// goes on once there is no file gate. Where CRF is
// not empty it stands for another build: it says that it has another library, and makes
// other bytes.
const shim = `#!/bin/sh
dir='DIR'
CHANGE='CRF'
for out; do :; done
case $out in file:*/encode-*/chunk.mp4) ;; *)
	[ -z "$CHANGE" ] || case $* in *-version*) echo 'libchaos 1. 0' ;; esac
	exec 'REAL' "$@" ;;
esac
name=${out%/chunk.mp4}
name=${name##*/encode-}
if [ -n "$CHANGE" ]; then
	last=
	for a; do shift; [ "$last" != -crf ] || a=$CHANGE; set -- "$@" "$a"; last=$a; done
fi
echo "$name" >>"$dir/encodes"
if [ -s "$dir/delay" ]; then read -r delay <"$dir/delay"; sleep "$delay"; fi
if [ -s "$dir/poison" ]; then
	read -r task how frames <"$dir/poison"
	case $name in *-"$task"-*)
		echo "poisoned: $how" >&2
		case $how in
		exit) exit 3 ;;
		hang) exec sleep 600 ;;
		wait) while [ -s "$dir/poison" ]; do sleep 0.1; done ;;
		oom) kill -KILL $$ ;;
		segfault) kill -SEGV $$ ;;
		short)
			n=$#
			for a; do shift; n=$((n - 1)); [ $n -eq 0 ] || set -- "$@" "$a"; done
			exec 'REAL' "$@" -frames:v "$frames" "$out" ;;
		esac ;;
	esac
fi
if [ -s "$dir/least" ]; then
	echo "$name $(date +%s%N)" >>"$dir/times"
	while [ -e "$dir/gate" ]; do sleep 0.02; done
	read -r least <"$dir/least"
	sleep "$least" &
	'REAL' "$@"
	code=$?
	wait
	exit $code
fi
exec 'REAL' "$@"
`

// putShim writes the shim into a directory of that name and returns it, to put into PATH.
// crf is that of another build, "" for this one.
func (w *world) putShim(name, crf string) (string, error) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		return "", err
	}
	dir := filepath.Join(w.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	text := strings.NewReplacer("DIR", w.dir, "REAL", ffmpeg, "'CRF'", "'"+crf+"'").Replace(shim)
	return dir, os.WriteFile(filepath.Join(dir, "ffmpeg"), []byte(text), 0o700) //nolint:gosec // it is a program
}

// tell writes one of the shim's files; "" takes the order back.
func (w *world) tell(file, order string) error {
	return os.WriteFile(filepath.Join(w.dir, file), []byte(order), 0o600)
}

// open lets the encodes go on that wait at the gate.
func (w *world) open() error { return os.Remove(filepath.Join(w.dir, "gate")) }

// encodes returns how often encodes of each task of a job were begun.
func (w *world) encodes(job string) (map[string]int, error) {
	text, err := os.ReadFile(filepath.Join(w.dir, "encodes"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	n := map[string]int{}
	for line := range strings.Lines(string(text)) {
		rest, ours := strings.CutPrefix(line, job+"-")
		if task, _, ok := strings.Cut(rest, "-"); ours && ok {
			n[task]++
		}
	}
	return n, nil
}

// redone returns how many encodes of the jobs were begun beyond the first of each task.
func (w *world) redone(jobs ...string) (sum int, err error) {
	for _, job := range jobs {
		n, err := w.encodes(job)
		if err != nil {
			return 0, err
		}
		for _, times := range n {
			sum += times - 1
		}
	}
	return sum, nil
}

// orphans returns the command lines of all ffmpegs that work for this world.
func (w *world) orphans() (lines []string, err error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	for _, d := range dirs {
		raw, err := os.ReadFile(filepath.Join(d, "cmdline"))
		if err != nil { // it has ended
			continue
		}
		args := strings.Split(string(raw), "\x00")
		line := strings.Join(args, " ")
		if strings.Contains(line, w.dir) && strings.Contains(line, "ffmpeg") && strings.Contains(line, "-nostdin") {
			lines = append(lines, fmt.Sprintf("%s: %.300s", filepath.Base(d), line))
		}
	}
	return lines, nil
}
