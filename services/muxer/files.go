package muxer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/reweave/reweave/pkg/mux"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/store"
)

// lostChunks says that what was stored is gone or damaged: chunks, or the plan itself
// when tasks is empty. They are made again.
type lostChunks struct {
	tasks []queue.TaskID
	why   error
}

func (l *lostChunks) Error() string { return l.what() + ": " + l.why.Error() }

// what says what is lost, without the cause.
func (l *lostChunks) what() string {
	if len(l.tasks) == 0 {
		return "the stored plan, or what was laid aside, is missing or damaged"
	}
	return fmt.Sprintf("the stored chunks of %v are missing or damaged", l.tasks)
}

// files fetches all that goes beside the video.
func (w *work) files(ctx context.Context, out string) (mux.Files, error) {
	files := mux.Files{Out: out}
	for i := range w.plan.Segments {
		files.Packet += w.done[queue.Video(i)].Bytes
	}
	files.Packet /= int64(w.plan.Frames())
	for i, a := range w.plan.Audio {
		key, sum, ext := a.Object, a.Digest, a.Ext
		if a.Key != "" {
			d := w.done[queue.Audio(i)]
			key, sum, ext = store.ChunkKey(d.Key), d.SHA256, ".mp4"
		}
		path := filepath.Join(w.dir, fmt.Sprintf("audio%d%s", i, ext))
		if err := store.Fetch(ctx, w.env.Store, key, sum, path); errors.Is(err, store.ErrDigest) || errors.Is(err, store.ErrNotFound) {
			return files, &lostChunks{tasks: []queue.TaskID{queue.Audio(i)}, why: err}
		} else if err != nil {
			return files, err
		}
		codec := a.Codec
		if codec == "copy" {
			codec = a.Stream.Codec
		}
		late, err := mux.Late(ctx, w.tool, w.job.Spec.Container, codec, path)
		if err != nil {
			return files, err
		}
		files.Audio, files.Late = append(files.Audio, path), append(files.Late, late)
	}
	if w.plan.Extra != "" {
		files.Extra = filepath.Join(w.dir, "extra")
		if err := store.Fetch(ctx, w.env.Store, w.plan.Extra, w.plan.ExtraSHA256, files.Extra); err != nil {
			return files, &lostChunks{why: err}
		}
	}
	if tells(w.plan.Meta) && w.job.Spec.Container != "ivf" {
		files.Meta = filepath.Join(w.dir, "meta.txt")
		if err := os.WriteFile(files.Meta, []byte(w.plan.Meta), 0o600); err != nil {
			return files, err
		}
	}
	return files, nil
}

// tells reports whether a text in ffmpeg's metadata format holds more than what the
// source's container says of itself.
func tells(meta string) bool {
	for line := range strings.Lines(meta) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "", ";FFMETADATA1", "major_brand", "minor_version", "compatible_brands", "encoder":
		default:
			return true
		}
	}
	return false
}

// newAttempt returns a name that no other attempt has.
func newAttempt() string { return strings.ToLower(rand.Text()) }

func isBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
