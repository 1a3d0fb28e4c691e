package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/reweave/reweave/internal/embed"
)

// node is a server of the NATS cluster.
type node struct {
	embed.Node
	proc *process
}

// startAnyNATS starts the one NATS server, or the three.
func (w *world) startAnyNATS(ctx context.Context) error {
	if !w.fleet.cluster {
		return w.startNATS(ctx)
	}
	var peers, clients []string
	for i := range 3 {
		n := &node{Node: embed.Node{Name: fmt.Sprintf("nats%d", i)}}
		for _, addr := range []*string{&n.Addr, &n.Cluster, &n.Monitor} {
			var err error
			if *addr, err = freePort(); err != nil {
				return err
			}
		}
		n.Dir = filepath.Join(w.dir, "nats", n.Name)
		peers, clients = append(peers, n.Cluster), append(clients, n.Addr)
		w.nodes = append(w.nodes, n)
	}
	w.natsAddr = strings.Join(clients, ",")
	for _, n := range w.nodes {
		n.Peers = peers
		if err := w.startNode(n); err != nil {
			return err
		}
	}
	return w.wholeCluster(ctx)
}

func (w *world) startNode(n *node) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := json.Marshal(n.Node)
	if err != nil {
		return err
	}
	n.proc, err = w.spawn(n.Name, self, slices.Concat(os.Environ(), w.rights, []string{serverEnv + "=node", nodeEnv + "=" + string(text), natsKeyEnv + "=" + w.natsKey}))
	return err
}

// wholeCluster waits until every server has caught up with all streams.
func (w *world) wholeCluster(ctx context.Context) error {
	return await(ctx, startLimit, "the NATS cluster", func() (bool, error) {
		for _, n := range w.nodes {
			if err := n.ask("/healthz", nil); err != nil {
				return false, err
			}
		}
		_, err := w.metaLeader()
		return err == nil, err
	})
}

// ask reads an answer of a server's monitor.
func (n *node) ask(path string, into any) error {
	res, err := http.Get("http://" + n.Monitor + path) //nolint:noctx // on this machine
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s with %s", n.Name, path, res.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(into)
}

// metaLeader returns the server that leads JetStream itself: it places and makes streams.
func (w *world) metaLeader() (*node, error) {
	var last error
	for _, n := range w.nodes {
		var jsz struct {
			Meta struct {
				Leader string `json:"leader"`
			} `json:"meta_cluster"`
		}
		if last = n.ask("/jsz", &jsz); last == nil && jsz.Meta.Leader != "" {
			return w.nodeNamed(jsz.Meta.Leader)
		}
	}
	return nil, errors.Join(last, errors.New("JetStream has no leader"))
}

func (w *world) streamLeader(ctx context.Context, stream string) (*node, error) {
	s, err := w.js.Stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	info := s.CachedInfo()
	if info.Cluster == nil || info.Cluster.Leader == "" || len(info.Cluster.Replicas) != 2 {
		return nil, fmt.Errorf("stream %s is not led, or not on three servers: %+v", stream, info.Cluster)
	}
	return w.nodeNamed(info.Cluster.Leader)
}

func (w *world) nodeNamed(name string) (*node, error) {
	for _, n := range w.nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("there is no server %q", name)
}

// loseNodes runs a job on three NATS servers and kills one after the other, which choose
// names by what it leads. Each is away for longer than a lease, and the next one is killed
// once it has caught up.
func loseNodes(choose ...func(context.Context, *world) (*node, error)) func(context.Context, *harness, *row) error {
	return func(ctx context.Context, h *harness, r *row) error {
		w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2, cluster: true})
		if err != nil {
			return err
		}
		defer w.end()
		if err := w.tell("delay", "1.5"); err != nil {
			return err
		}
		id, err := w.submit(ctx, h.long, "")
		if err != nil {
			return err
		}
		if err := w.busy(ctx, id, 3); err != nil {
			return err
		}
		for _, pick := range choose {
			if err := w.loseNode(ctx, r, pick); err != nil {
				return err
			}
		}
		if j, err := w.bus.Job(ctx, id); err == nil && j.State.Final() {
			return fmt.Errorf("the job was %s before the last server was back", j.State)
		}
		if err := w.tell("delay", ""); err != nil {
			return err
		}
		return errors.Join(w.finish(ctx, id), w.intact(ctx, h.long, id), w.count(r, id))
	}
}

func (w *world) loseNode(ctx context.Context, r *row, pick func(context.Context, *world) (*node, error)) error {
	var n *node
	if err := await(ctx, startLimit, "the server to kill", func() (_ bool, err error) {
		n, err = pick(ctx, w)
		return err == nil, err
	}); err != nil {
		return err
	}
	n.proc.kill()
	r.times, r.max = r.times+1, r.max+2 // both encoders may lose their leases while there is no leader
	return errors.Join(rest(ctx, lease+time.Second), w.startNode(n), w.wholeCluster(ctx))
}

// follower picks a server that leads neither JetStream nor the tasks.
func follower(ctx context.Context, w *world) (*node, error) {
	meta, err := w.metaLeader()
	if err != nil {
		return nil, err
	}
	tasks, err := w.streamLeader(ctx, "SEG")
	if err != nil {
		return nil, err
	}
	for _, n := range w.nodes {
		if n != meta && n != tasks {
			return n, nil
		}
	}
	return nil, errors.New("no server is a follower only")
}

func leaderOf(stream string) func(context.Context, *world) (*node, error) {
	return func(ctx context.Context, w *world) (*node, error) { return w.streamLeader(ctx, stream) }
}

func metaLeader(_ context.Context, w *world) (*node, error) { return w.metaLeader() }
