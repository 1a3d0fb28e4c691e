package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/store"
)

// flip changes one byte of a stored object, in the directory of the S3 server, and keeps
// it of a kind that a parser takes: a digit becomes another digit.
func (w *world) flip(key string) error {
	return w.rewrite(key, func(b []byte) []byte {
		at := len(b) / 2
		if i := bytes.LastIndexAny(b[:at], "12345678"); strings.HasSuffix(key, ".json") && i > 0 {
			at = i
		}
		b[at] ^= 1
		return b
	})
}

// truncate cuts the last byte off a stored object.
func (w *world) truncate(key string) error {
	return w.rewrite(key, func(b []byte) []byte { return b[:len(b)-1] })
}

// rewrite changes an object's file in place: its metadata, in attributes, stays.
func (w *world) rewrite(key string, change func([]byte) []byte) error {
	path := filepath.Join(w.dir, "objects", "reweave", filepath.FromSlash(key))
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(change(b))
	return errors.Join(err, f.Close())
}

// damages are the ways to damage an object.
func (w *world) damages() []func(string) error { return []func(string) error{w.flip, w.truncate} }

// damageChunk damages a chunk of a finished job and has the film encoded again: that
// chunk alone is made anew.
func damageChunk(ctx context.Context, h *harness, r *row) error {
	w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2})
	if err != nil {
		return err
	}
	defer w.end()
	if _, err := w.encode(ctx, h.short); err != nil {
		return err
	}
	for _, harm := range w.damages() {
		var keys []string
		for o, err := range w.store.List(ctx, "chunks/") {
			if err != nil {
				return err
			}
			keys = append(keys, o.Key)
		}
		if err := errors.Join(harm(keys[len(keys)/2]), w.tell("encodes", "")); err != nil {
			return err
		}
		r.times, r.max = r.times+1, r.max+1
		id, err := w.encode(ctx, h.short)
		if err != nil {
			return err
		}
		tasks, err := w.encodes(id)
		if err != nil || len(tasks) != 1 {
			return errors.Join(err, fmt.Errorf("encoded %v, want one task", tasks))
		}
		for _, n := range tasks {
			r.redone += n
		}
	}
	return nil
}

// damageSegment damages a segment that waits for an encoder.
func damageSegment(ctx context.Context, h *harness, r *row) error {
	f := fleet{api: 1, splitter: 1, muxer: 1, encoder: 1}
	w, err := h.newWorld(ctx, f)
	if err != nil {
		return err
	}
	defer w.end()
	for _, harm := range w.damages() {
		if err := w.forgetChunks(ctx); err != nil {
			return err
		}
		w.services["encoder0"].proc.kill()
		id, err := w.submit(ctx, h.short, "")
		if err != nil {
			return err
		}
		if err := w.reach(ctx, id, job.Encoding); err != nil {
			return err
		}
		var keys []string
		for o, err := range w.store.List(ctx, store.SegmentKey(id, "")) {
			if err != nil {
				return err
			}
			keys = append(keys, o.Key)
		}
		slices.Sort(keys)
		if err := errors.Join(harm(keys[len(keys)/2]), w.start("encoder0")); err != nil {
			return err
		}
		r.times++
		if err := errors.Join(w.finish(ctx, id), w.intact(ctx, h.short, id), w.count(r, id)); err != nil {
			return err
		}
	}
	return nil
}

// reach waits until a job is in a state.
func (w *world) reach(ctx context.Context, id string, state job.State) error {
	return await(ctx, jobLimit, "job "+id+" to be "+string(state), func() (bool, error) {
		if err := w.revive(); err != nil {
			return false, err
		}
		j, err := w.bus.Job(ctx, id)
		if err == nil && j.State.Final() && j.State != state {
			err = fmt.Errorf("it is %s", j.State)
		}
		return j.State == state, err
	})
}

// damagePlan damages the plan of a job before it is muxed.
func damagePlan(ctx context.Context, h *harness, r *row) error {
	w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2})
	if err != nil {
		return err
	}
	defer w.end()
	for _, harm := range w.damages() {
		if err := w.forgetChunks(ctx); err != nil {
			return err
		}
		w.services["muxer0"].proc.kill()
		id, err := w.submit(ctx, h.short, "")
		if err != nil {
			return err
		}
		if err := w.reach(ctx, id, job.Encoding); err != nil {
			return err
		}
		if err := errors.Join(harm(store.PlanKey(id)), w.start("muxer0")); err != nil {
			return err
		}
		r.times++
		if err := errors.Join(w.finish(ctx, id), w.intact(ctx, h.short, id), w.count(r, id)); err != nil {
			return err
		}
	}
	return nil
}

// damageManifest damages the manifest of a finished job: whoever asks for it is told,
// and never given it.
func damageManifest(ctx context.Context, h *harness, r *row) error {
	w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2})
	if err != nil {
		return err
	}
	defer w.end()
	for _, harm := range w.damages() {
		id, err := w.encode(ctx, h.short)
		if err != nil {
			return err
		}
		if _, err := w.api.Manifest(ctx, id); err != nil {
			return fmt.Errorf("fetch the manifest as it was: %w", err)
		}
		j, err := w.bus.Job(ctx, id)
		if err != nil {
			return err
		}
		if err := harm(j.Output.Manifest); err != nil {
			return err
		}
		r.times++
		if _, err := w.api.Manifest(ctx, id); err == nil || !strings.Contains(err.Error(), "not what was stored") {
			return fmt.Errorf("the damaged manifest was handed out (%w)", err)
		}
	}
	return nil
}
