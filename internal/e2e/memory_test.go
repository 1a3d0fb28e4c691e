package e2e_test

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/store"
)

// memoryFilm is a film of eight tasks.
func memoryFilm(t *testing.T) job.Spec {
	t.Helper()
	src := testenv.Media(t, "a.mkv", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "12")
	return job.Spec{Source: src, Audio: "none", ChunkMin: 0.4, ChunkMax: 0.6, Video: fast("libx264")}
}

// company wraps a store to see how many encodes run at once: each has begun once it has
// asked for its segment, and not ended before it stores its chunk.
type company struct {
	boot.Objects
	running, most, begun atomic.Int32
}

// Get sees an encode begin.
func (c *company) Get(ctx context.Context, key string) (io.ReadCloser, store.Info, error) {
	if strings.HasPrefix(key, "segments/") {
		c.begun.Add(1)
		if n := c.running.Add(1); n > c.most.Load() {
			c.most.Store(n)
		}
	}
	return c.Objects.Get(ctx, key)
}

// Put sees an encode end.
func (c *company) Put(ctx context.Context, key string, r io.Reader, size int64, meta map[string]string) error {
	if strings.HasPrefix(key, "chunks/") {
		c.running.Add(-1)
	}
	return c.Objects.Put(ctx, key, r, size, meta)
}

// TestEncodesThatDoNotFitRunAlone gives a worker with four slots no memory worth the name:
// its encodes run one after the other, and what they took is known from then on.
func TestEncodesThatDoNotFitRunAlone(t *testing.T) {
	t.Parallel()
	seen := &company{}
	c := e2e.Start(t, e2e.Fleet{
		Codecs: []string{"libx264"}, Slots: []int{4}, Memory: []int64{1 << 20},
		Store: func(o boot.Objects) boot.Objects { seen.Objects = o; return seen },
	})
	c.Encode(t, memoryFilm(t))
	if n := seen.most.Load(); n > 1 {
		t.Errorf("%d encodes ran at once", n)
	}
	if n := seen.begun.Load(); n < 6 {
		t.Errorf("%d encodes were seen", n)
	}
	peaks := learned(t, c)
	if len(peaks) != 1 || peaks[0].Guessed || peaks[0].Bytes < 10<<20 || peaks[0].Bytes > 1<<30 || peaks[0].Width != 160 {
		t.Errorf("learned is %+v", peaks)
	}
}

// learned returns what the fleet knows of memory.
func learned(t *testing.T, c *e2e.Cluster) (peaks []queue.Peak) {
	t.Helper()
	js, err := jetstream.New(c.Bus.Conn())
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(t.Context(), "memory")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := kv.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		e, err := kv.Get(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		var p queue.Peak
		if err := json.Unmarshal(e.Value(), &p); err != nil {
			t.Fatal(err)
		}
		peaks = append(peaks, p)
	}
	return peaks
}

// TestEncodesGoWhereTheyFit has a worker without room beside one with enough: what does not
// fit the one is left to the other.
func TestEncodesGoWhereTheyFit(t *testing.T) {
	t.Parallel()
	c := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264"}, Slots: []int{2, 1}, Memory: []int64{1 << 20, 4 << 30}})
	heard := make(chan *nats.Msg, 1000)
	if _, err := c.Bus.Conn().ChanSubscribe("done.>", heard); err != nil {
		t.Fatal(err)
	}
	if err := c.Bus.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	j, _ := c.Encode(t, memoryFilm(t))
	for range j.Chunks.Total {
		var d queue.Done
		if err := json.Unmarshal((<-heard).Data, &d); err != nil {
			t.Fatal(err)
		}
		if d.Worker != "worker1" {
			t.Errorf("%s was encoded by %s", d.Task, d.Worker)
		}
	}
}
