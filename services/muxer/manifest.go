package muxer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/store"
)

// note keeps what the deliverable with this digest was made from.
func (w *work) note(ctx context.Context, sum string) error {
	n, ok := w.job.Spec.Note(w.plan.Edits)
	if !ok {
		return nil
	}
	b, err := json.Marshal(n)
	if err == nil {
		err = w.env.Store.Put(ctx, store.SourceKey(w.job.Tenant, sum), bytes.NewReader(b), int64(len(b)), nil)
	}
	if err != nil {
		return fmt.Errorf("store the note of the source: %w", err)
	}
	return nil
}

// reused counts the chunks that were there before the job needed them, in digits.
func (w *work) reused() string {
	n := 0
	for _, d := range w.done {
		if d.Reused {
			n++
		}
	}
	return strconv.Itoa(n)
}

// manifest returns the manifest of the deliverable o.
func (w *work) manifest(o job.Output) ([]byte, error) {
	m := plan.Manifest{
		Version: plan.Version, Job: w.job.ID, Container: w.job.Spec.Container, SHA256: o.SHA256, Bytes: o.Bytes,
		Frames: w.plan.Frames(), Duration: w.plan.Duration(), TimeBase: w.plan.TimeBase, Plan: w.plan,
		Spec: w.job.Spec.WithoutSource(), Builds: w.job.Builds,
	}
	start := 0
	for i, s := range w.plan.Segments {
		d := w.done[queue.Video(i)]
		m.Chunks = append(m.Chunks, plan.ManifestChunk{
			Start: start, Frames: s.Times.Len(), Key: s.Key, SHA256: d.SHA256, Bytes: d.Bytes, Pixels: d.Pixels,
		})
		start += s.Times.Len()
	}
	for i, a := range w.plan.Audio {
		c := plan.ManifestChunk{Key: a.Key, SHA256: a.Digest}
		if a.Key != "" {
			d := w.done[queue.Audio(i)]
			c.SHA256, c.Bytes = d.SHA256, d.Bytes
		}
		m.Audio = append(m.Audio, c)
	}
	return json.MarshalIndent(m, "", "  ")
}
