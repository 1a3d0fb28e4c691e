package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/services/encoder"
	"github.com/reweave/reweave/services/muxer"
	"github.com/reweave/reweave/services/splitter"
)

// Fleet says what runs on a cluster.
type Fleet struct {
	// Splitters and Muxers are how many of them there are, 1 when 0.
	Splitters, Muxers int
	// Slots are the slots of each encoder; one encoder with two when empty.
	Slots []int
	// Memory are the bytes that the encoders' tasks may use, 0 and none for what there is.
	Memory []int64
	// Codecs are what the encoders offer; every one that ffmpeg has when empty. Each
	// costs a short encode at the start.
	Codecs []string
	// Store, when set, wraps the store that the encoders get.
	Store func(boot.Objects) boot.Objects
	// Stores, when set, wraps the store that each service gets, whose name it is told.
	Stores func(service string, st boot.Objects) boot.Objects
}

// Cluster is a bus and a store of its own, with services on them.
type Cluster struct {
	*testenv.Env
	serving sync.WaitGroup
}

// startLimit bounds the start of a fleet on a busy machine.
const startLimit = time.Minute

// Start starts a cluster that ends with the test. Every cluster has servers of its
// own, which start in half a second: a store that tests share would have one test
// find the other's chunks, and a queue that they share would mix their fleets.
func Start(t testing.TB, f Fleet) *Cluster {
	t.Helper()
	c := &Cluster{Env: testenv.Start(t)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var ready []<-chan struct{}
	run := func(kind string, i int, service func(context.Context, boot.Env) error) {
		name := fmt.Sprintf("%s%d", kind, i)
		env := c.Boot(name)
		if f.Stores != nil {
			env.Store = f.Stores(kind, env.Store)
		}
		env.Bus = c.Connect(t)
		serves := make(chan struct{})
		var once sync.Once
		env.Ready = func(string) { once.Do(func() { close(serves) }) }
		ready = append(ready, serves)
		c.serving.Go(func() {
			if err := service(ctx, env); err != nil && ctx.Err() == nil {
				t.Errorf("%s ended: %v", name, err)
			}
		})
	}
	c.runFleet(t, f, run)
	// Registered last, so that it runs before the connections and the servers end.
	t.Cleanup(func() { cancel(); c.serving.Wait() })
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	for _, serves := range ready {
		select {
		case <-serves:
		case <-limit.C:
			t.Fatalf("the fleet was not ready after %s", startLimit)
		}
	}
	return c
}

func (c *Cluster) runFleet(t testing.TB, f Fleet, run func(string, int, func(context.Context, boot.Env) error)) {
	t.Helper()
	for i := range max(f.Splitters, 1) {
		cfg := splitter.Config{Jobs: 2, Ahead: 1 << 30, Scratch: t.TempDir(), LocalPaths: true}
		run("splitter", i, func(ctx context.Context, env boot.Env) error { return splitter.Run(ctx, cfg, env) })
	}
	for i := range max(f.Muxers, 1) {
		cfg := muxer.Config{Jobs: 2, Scratch: t.TempDir()}
		run("muxer", i, func(ctx context.Context, env boot.Env) error { return muxer.Run(ctx, cfg, env) })
	}
	slots := f.Slots
	if len(slots) == 0 {
		slots = []int{2}
	}
	for i, n := range slots {
		cfg := encoder.Config{Slots: n, Codecs: f.Codecs, Scratch: t.TempDir(), Name: fmt.Sprintf("worker%d", i)}
		if i < len(f.Memory) {
			cfg.Memory = f.Memory[i]
		}
		run("encoder", i, func(ctx context.Context, env boot.Env) error {
			if f.Store != nil {
				env.Store = f.Store(env.Store)
			}
			return encoder.Run(ctx, cfg, env)
		})
	}
}
