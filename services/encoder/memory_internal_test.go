package encoder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/fault"
)

// However encodes come and go, those that run fit, or one runs alone, and all are served.
func TestLedgerHoldsWhatThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(1, 100).Draw(t, "total")
		l := &ledger{total: total}
		var mu sync.Mutex
		var used int64
		running, lonely := 0, false
		var all sync.WaitGroup
		for range rapid.IntRange(1, 30).Draw(t, "encodes") {
			need, alone := rapid.Int64Range(1, 130).Draw(t, "need"), rapid.IntRange(0, 5).Draw(t, "alone") == 0
			all.Go(func() {
				give, err := l.take(context.Background(), need, alone)
				if err != nil {
					t.Errorf("take: %v", err)
					return
				}
				mu.Lock()
				used, running = used+need, running+1
				lonely = lonely || alone
				if running > 1 && (used > total || lonely) {
					t.Errorf("%d encodes use %d of %d, one of them to be alone: %v", running, used, total, lonely)
				}
				mu.Unlock()
				mu.Lock()
				used, running = used-need, running-1
				lonely = lonely && !alone
				mu.Unlock()
				give()
			})
		}
		all.Wait()
		if l.used != 0 || l.running != 0 || len(l.line) != 0 || l.inUse() != 0 || l.company() {
			t.Fatalf("behind all of it: %+v", l)
		}
	})
}

// One that needs much is not passed for ever by those that need little.
func TestLedgerServesInOrder(t *testing.T) {
	l := &ledger{total: 10}
	first, err := l.take(t.Context(), 6, false)
	if err != nil {
		t.Fatal(err)
	}
	order := make(chan string, 2)
	queued := func(n int) {
		for {
			l.mu.Lock()
			have := len(l.line)
			l.mu.Unlock()
			if have == n {
				return
			}
		}
	}
	take := func(name string, need int64) {
		give, err := l.take(t.Context(), need, false)
		if err != nil {
			t.Error(err)
			return
		}
		order <- name
		give()
	}
	go take("large", 8)
	queued(1)
	go take("small", 3) // would fit, and comes later
	queued(2)
	first()
	if a, b := <-order, <-order; a != "large" || b != "small" {
		t.Errorf("served are %s, then %s", a, b)
	}
}

func TestLedgerForgetsWhoGivesUp(t *testing.T) {
	l := &ledger{total: 10}
	give, err := l.take(t.Context(), 10, false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.take(ctx, 5, false); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	give()
	if l.used != 0 || len(l.line) != 0 {
		t.Errorf("%+v", l)
	}
}

func TestMemoryOf(t *testing.T) {
	const gib = 1 << 30
	for name, c := range map[string]struct {
		set   int64
		files map[string]string
		want  int64
	}{
		"set":                    {5, map[string]string{"/proc/meminfo": "MemTotal:  8388608 kB\n"}, 5},
		"a machine":              {0, map[string]string{"/proc/meminfo": "MemTotal:  8388608 kB\nMemFree: 1 kB\n"}, 8 * gib / 10 * 9},
		"a container":            {0, map[string]string{"/proc/meminfo": "MemTotal:  8388608 kB\n", "/sys/fs/cgroup/memory.max": "1073741824\n"}, gib / 10 * 9},
		"a container, unlimited": {0, map[string]string{"/proc/meminfo": "MemTotal:  8388608 kB\n", "/sys/fs/cgroup/memory.max": "max\n"}, 8 * gib / 10 * 9},
		"an old container":       {0, map[string]string{"/proc/meminfo": "MemTotal:  8388608 kB\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes": "2147483648\n"}, 2 * gib / 10 * 9},
		"another system":         {0, nil, 0},
		"nonsense":               {0, map[string]string{"/proc/meminfo": "MemTotal: 99999999999999999999 kB\n"}, 0},
	} {
		got := memoryOf(c.set, func(name string) ([]byte, error) {
			if text, ok := c.files[name]; ok {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		})
		if got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestOutOfMemory(t *testing.T) {
	ffmpeg := func(title, log string) error {
		return fmt.Errorf("encode: %w", &fault.Error{Type: "ffmpeg-failed", Title: title, Log: log})
	}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{ffmpeg("the encoder: ffmpeg failed with signal: killed", ""), true},
		{ffmpeg("the encoder: ffmpeg failed with exit status 1", "x264 [error]: malloc of size 3110400 failed"), true},
		{ffmpeg("the decoder: ffmpeg failed with exit status 1", "Error while decoding: Cannot allocate memory"), true},
		{ffmpeg("the encoder: ffmpeg failed with signal: segmentation fault", ""), false},
		{ffmpeg("the encoder: ffmpeg failed with exit status 1", "Invalid argument"), false},
		{errors.New(strings.Repeat("signal: killed", 2)), false},
	} {
		if got := outOfMemory(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
