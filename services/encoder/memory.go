package encoder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/recipe"
)

// memoryOf returns what a worker's encodes may use, in bytes: what was set, or nine
// tenths of what the machine, or the container's limit, has; 0 where nobody knows.
func memoryOf(set int64, read func(string) ([]byte, error)) int64 {
	if set > 0 {
		return set
	}
	least := int64(0)
	for _, at := range []struct {
		file    string
		pattern *regexp.Regexp
		unit    int64
	}{
		{"/proc/meminfo", regexp.MustCompile(`MemTotal:\s+(\d+) kB`), 1 << 10},
		{"/sys/fs/cgroup/memory.max", regexp.MustCompile(`^(\d+)`), 1},
		{"/sys/fs/cgroup/memory/memory.limit_in_bytes", regexp.MustCompile(`^(\d+)`), 1},
	} {
		text, err := read(at.file)
		if err != nil {
			continue // another system, or no container
		}
		m := at.pattern.FindSubmatch(text)
		if m == nil { // "max"
			continue
		}
		if n, err := strconv.ParseInt(string(m[1]), 10, 64); err == nil && n > 0 && (least == 0 || n*at.unit < least) {
			least = n * at.unit
		}
	}
	return least / 10 * 9
}

// kindOf names the encodes that take about as much memory as t's does.
func kindOf(t queue.Task) string {
	r := t.Recipe
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %dx%d %s %d %d", r.Codec, r.Preset, r.Picture.Width, r.Picture.Height,
		r.Picture.PixFmt, r.Threads, r.Keyint))
	return r.Codec + "-" + hex.EncodeToString(sum[:8])
}

// guess is how much memory an encode may take that nobody has measured: more than most do.
// An encoder holds what it looks ahead at and what it refers to; SVT-AV1 holds the most.
func guess(r recipe.Recipe) int64 {
	frame := int64(r.Picture.Width) * int64(r.Picture.Height) * 3 / 2
	if strings.Contains(r.Picture.PixFmt, "10") || strings.Contains(r.Picture.PixFmt, "12") {
		frame *= 2
	}
	if strings.Contains(r.Picture.PixFmt, "444") {
		frame *= 2
	}
	frames := map[string]int64{"libx264": 100, "libx265": 160, "libsvtav1": 300, "librav1e": 200}[r.Codec]
	return 128<<20 + frame*frames
}

// need returns how much memory to keep free for a task.
func (s *service) need(ctx context.Context, t queue.Task) (bytes int64, err error) {
	if t.ID.IsAudio() {
		return 128 << 20, nil
	}
	p, err := s.env.Bus.Peak(ctx, kindOf(t))
	if err != nil {
		return 0, err
	}
	if p.Bytes == 0 {
		return guess(t.Recipe), nil
	}
	return p.Bytes + p.Bytes/10, nil
}

// reserve waits until there is room for a task beside those that run. What this worker has
// no room for at all is left to one that has, where there is one; else it runs alone.
//
// beat is called while it waits: a task that waits for memory makes no frames, and lives.
func (s *service) reserve(ctx context.Context, t queue.Task, alone bool, beat func()) (give func(), err error) {
	need, err := s.need(ctx, t)
	if err != nil {
		return nil, err
	}
	if s.ledger.total > 0 && need > s.ledger.total {
		larger, err := s.larger(ctx, t, need)
		if err != nil {
			return nil, err
		}
		if larger {
			return nil, errElsewhere
		}
		s.env.Log.Info("an encode may need more memory than there is, and runs alone", zap.String("job", t.Job),
			zap.String("task", string(t.ID)), zap.Int64("needs", need), zap.Int64("has", s.ledger.total))
	}
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				beat()
			case <-waiting.Done():
				return
			}
		}
	}()
	return s.ledger.take(ctx, need, alone)
}

// hungry looks whether an encode failed for want of memory. While others run beside it,
// that says that more is needed than was thought: from now on fewer run at once.
func (s *service) hungry(ctx context.Context, t queue.Task, err error) error {
	if !outOfMemory(err) || !s.ledger.company() {
		return err
	}
	if need, nerr := s.need(ctx, t); nerr == nil {
		s.learn(ctx, t, need*2, true)
	}
	return &starvedError{err}
}

// larger reports whether a worker is there that could do the task and has the memory.
func (s *service) larger(ctx context.Context, t queue.Task, need int64) (bool, error) {
	workers, err := s.env.Bus.Workers(ctx)
	if err != nil {
		return false, err
	}
	for _, w := range workers {
		if w.ID != s.me.ID && !w.Draining && w.Memory >= need && w.Encoders[t.Recipe.Codec].Build == t.Recipe.Encoder {
			return true, nil
		}
	}
	return false, nil
}

// learn notes what a finished encode took. That it fails does no harm: the next one tells.
func (s *service) learn(ctx context.Context, t queue.Task, bytes int64, guessed bool) {
	if t.ID.IsAudio() || bytes <= 0 {
		return
	}
	r := t.Recipe
	err := s.env.Bus.Learn(ctx, kindOf(t), queue.Peak{
		Bytes: bytes, Guessed: guessed, Codec: r.Codec, Preset: r.Preset, Width: r.Picture.Width, Height: r.Picture.Height, Worker: s.me.ID,
	})
	if err != nil && ctx.Err() == nil {
		s.env.Log.Warn("note the memory of an encode", zap.Error(err))
	}
}

// starved is what a try is handed back with that was killed for want of memory.
const starved = "out of memory: "

// starvedError is the end of an encode for want of memory while others ran. It is not the
// task's fault yet: it is tried again alone.
type starvedError struct{ error }

func (e *starvedError) Unwrap() error { return e.error }

// outOfMemory reports whether an encode seems to have ended for want of memory. The
// kernel's killer leaves no other sign than the signal.
func outOfMemory(err error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Type != "ffmpeg-failed" {
		return false
	}
	text := e.Title + "\n" + e.Where + "\n" + e.Log
	for _, sign := range []string{"signal: killed", "Cannot allocate memory", "malloc of size", "bad_alloc"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}
