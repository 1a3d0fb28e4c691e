package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/reweave/reweave/pkg/job"
)

// skewEnv tells a program built by [harness.skewed] how far its clock is off, and after
// how long it jumps there: 1h, -1h, 1h@5s.
const skewEnv = "CHAOS_SKEW"

// Go programs ask the kernel for the time without any library in between, and the kernel
// has one real-time clock for all. So these programs are built of the very same sources
// with a standard library whose time.Now adds what the variable says. Durations and timers
// are the kernel's: a clock that is off runs no faster.
const skewedNow = `package time

import "syscall"

var skewBy, skewAfter = func() (by, after int64) {
	text, _ := syscall.Getenv("` + skewEnv + `")
	for i := range len(text) {
		if text[i] == '@' {
			d, _ := ParseDuration(text[i+1:])
			after, text = int64(d), text[:i]
			break
		}
	}
	d, _ := ParseDuration(text)
	return int64(d / Second), after
}()
`

// nowLine is the line of time.Now behind which the clock is moved.
const nowLine = "\tsec, nsec, mono := runtimeNow()\n"

// skewed builds a service, or this program as "chaos", with a clock that can be off, once
// in a run, and returns its path.
func (h *harness) skewed(name string) (string, error) {
	dir := filepath.Join(h.dir, "skewed")
	out := filepath.Join(dir, name)
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	overlay, root, err := skewOverlay(dir)
	if err != nil {
		return "", err
	}
	pkg := "./internal/chaos"
	if service, ok := strings.CutPrefix(name, "reweave-"); ok {
		pkg = "./services/" + service + "/cmd/" + service
	}
	fmt.Fprintf(h.out, "building %s with a clock that can be off\n", name)
	build := exec.Command("go", "build", "-overlay", overlay, "-o", out, pkg) //nolint:noctx // it ends
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", name, err, said)
	}
	return out, nil
}

// skewOverlay writes the changed file of the standard library, and tells the root of the
// workspace.
func skewOverlay(dir string) (overlay, root string, err error) {
	if root, err = workspace(); err != nil {
		return "", "", err
	}
	out, err := exec.Command("go", "env", "GOROOT").Output() //nolint:noctx // it ends
	if err != nil {
		return "", "", fmt.Errorf("ask go for its directory: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(out)), "src", "time", "time.go")
	text, err := os.ReadFile(source)
	if err != nil {
		return "", "", err
	}
	changed := strings.Replace(string(text), nowLine, nowLine+"\tif skewBy != 0 && mono-startNano >= skewAfter {\n\t\tsec += skewBy\n\t}\n", 1)
	if changed == string(text) {
		return "", "", fmt.Errorf("%s has no line %q any more", source, nowLine)
	}
	overlay = filepath.Join(dir, "overlay.json")
	files, err := json.Marshal(map[string]any{"Replace": map[string]string{
		source: filepath.Join(dir, "time.go"), filepath.Join(filepath.Dir(source), "skew.go"): filepath.Join(dir, "skew.go"),
	}})
	return overlay, root, errors.Join(err, os.MkdirAll(dir, 0o700),
		os.WriteFile(filepath.Join(dir, "time.go"), []byte(changed), 0o600),
		os.WriteFile(filepath.Join(dir, "skew.go"), []byte(skewedNow), 0o600), os.WriteFile(overlay, files, 0o600))
}

// skewOf tells how far the clock of a service or server is off, "" for not at all.
func (w *world) skewOf(name string) string {
	for prefix, off := range w.fleet.skew {
		if strings.HasPrefix(name, prefix) {
			return off
		}
	}
	return ""
}

// clockOfEncoder has the clock of one of two encoders jump by an hour, forth and then
// back, in the middle of a job. S3 refuses what it signs from then on; it says that it is
// the clock, and the job ends without it.
func clockOfEncoder(ctx context.Context, h *harness, r *row) error {
	for _, off := range []string{"1h@5s", "-1h@5s"} {
		if err := h.oneClock(ctx, r, off); err != nil {
			return fmt.Errorf("%s: %w", off, err)
		}
	}
	return nil
}

func (h *harness) oneClock(ctx context.Context, r *row, off string) error {
	w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2, skew: map[string]string{"encoder1": off}})
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.tell("delay", "0.6"); err != nil {
		return err
	}
	id, err := w.submit(ctx, h.long, "")
	if err != nil {
		return err
	}
	r.times++
	r.max++ // what it had encoded when its clock jumped it can't store
	if err := errors.Join(w.finish(ctx, id), w.intact(ctx, h.long, id), w.count(r, id)); err != nil {
		return err
	}
	return w.logged("encoder1", "this machine's clock and the object store's")
}

// logged wants a text in the log of a process.
func (w *world) logged(name, text string) error {
	log, err := os.ReadFile(filepath.Join(w.dir, "log", name+".log"))
	if err == nil && !strings.Contains(string(log), text) {
		err = fmt.Errorf("the log of %s does not say %q", name, text)
	}
	return err
}

// clockOfNATS has the clock of NATS, which ends leases and forgets workers, an hour off.
func clockOfNATS(ctx context.Context, h *harness, r *row) error {
	for _, off := range []string{"1h", "-1h", "1h@6s", "-1h@6s"} {
		w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2, skew: map[string]string{"nats": off}})
		if err != nil {
			return err
		}
		r.times++
		r.max++
		err = errors.Join(w.tell("delay", "0.3"), w.crashOnce(ctx, h, r))
		w.end()
		if err != nil {
			return fmt.Errorf("%s: %w", off, err)
		}
	}
	return nil
}

// crashOnce runs a job and kills an encoder in its middle, so that a lease must run out.
func (w *world) crashOnce(ctx context.Context, h *harness, r *row) error {
	id, err := w.submit(ctx, h.long, "")
	if err != nil {
		return err
	}
	if err := errors.Join(w.busy(ctx, id, 5), w.crash("encoder0")); err != nil {
		return err
	}
	return errors.Join(w.finish(ctx, id), w.intact(ctx, h.long, id), w.count(r, id))
}

// clocksApart has the clocks of api and encoders 14 minutes ahead and that of the muxer 14
// behind, as far as S3 lets them, and loses the message of a new job: the muxer's sweep
// sends it again, though the job is from its future.
func clocksApart(ctx context.Context, h *harness, r *row) error {
	for _, sign := range []string{"", "-"} {
		ahead, behind := sign+"14m", strings.Replace("-"+sign, "--", "", 1)+"14m"
		w, err := h.newWorld(ctx, fleet{
			api: 1, splitter: 1, muxer: 1, encoder: 2,
			skew: map[string]string{"api": ahead, "encoder": ahead, "muxer": behind},
		})
		if err != nil {
			return err
		}
		r.times++
		err = w.loseMessage(ctx, h, r)
		w.end()
		if err != nil {
			return fmt.Errorf("api %s, muxer %s: %w", ahead, behind, err)
		}
	}
	return nil
}

func (w *world) loseMessage(ctx context.Context, h *harness, r *row) error {
	w.services["splitter0"].proc.kill() // or it would have it already
	id, err := w.submit(ctx, h.short, "")
	if err != nil {
		return err
	}
	s, err := w.js.Stream(ctx, "JOBQ")
	if err != nil {
		return err
	}
	if err := errors.Join(s.Purge(ctx), w.start("splitter0")); err != nil {
		return err
	}
	if j, err := w.bus.Job(ctx, id); err != nil || j.State != job.Queued || time.Since(j.Created).Abs() < 10*time.Minute {
		return errors.Join(err, fmt.Errorf("the job is %s since %s", j.State, j.Created))
	}
	return errors.Join(w.finish(ctx, id), w.intact(ctx, h.short, id), w.count(r, id))
}
