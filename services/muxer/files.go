package muxer

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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

func (l *lostChunks) Error() string {
	if len(l.tasks) == 0 {
		return "the stored plan is missing or damaged"
	}
	return fmt.Sprintf("the stored chunks of %v are missing or damaged: %v", l.tasks, l.why)
}

// chunk fetches a task's chunk into a file, checks its digest, and opens it. The file
// has no name any more, so that it ends when it is closed.
func (w *work) chunk(ctx context.Context, id queue.TaskID, name string) (*os.File, error) {
	d := w.done[id]
	path := filepath.Join(w.dir, name)
	err := w.fetch(ctx, store.ChunkKey(d.Key), d.SHA256, path)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, errDigest) {
		return nil, &lostChunks{tasks: []queue.TaskID{id}, why: err}
	} else if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return f, os.Remove(path)
}

var errDigest = errors.New("the content is not what was stored")

// fetch copies an object into a file and checks its digest.
func (w *work) fetch(ctx context.Context, key, sum, path string) error {
	r, _, err := w.env.Store.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", key, err)
	}
	defer r.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, h), r); err != nil {
		return fmt.Errorf("fetch %s: %w", key, err)
	}
	if hex.EncodeToString(h.Sum(nil)) != sum {
		return fmt.Errorf("fetch %s: %w", key, errDigest)
	}
	return f.Close()
}

// files fetches all that goes beside the video.
func (w *work) files(ctx context.Context, out string) (mux.Files, error) {
	files := mux.Files{Out: out}
	for i, a := range w.plan.Audio {
		key, sum, ext := a.Object, a.Digest, a.Ext
		if a.Key != "" {
			d := w.done[queue.Audio(i)]
			key, sum, ext = store.ChunkKey(d.Key), d.SHA256, ".mp4"
		}
		path := filepath.Join(w.dir, fmt.Sprintf("audio%d%s", i, ext))
		if err := w.fetch(ctx, key, sum, path); errors.Is(err, errDigest) || errors.Is(err, store.ErrNotFound) {
			return files, &lostChunks{tasks: []queue.TaskID{queue.Audio(i)}, why: err}
		} else if err != nil {
			return files, err
		}
		files.Audio = append(files.Audio, path)
	}
	if w.plan.Extra != "" {
		files.Extra = filepath.Join(w.dir, "extra")
		if err := w.fetch(ctx, w.plan.Extra, w.plan.ExtraSHA256, files.Extra); err != nil {
			return files, &lostChunks{why: err}
		}
	}
	if strings.TrimSpace(w.plan.Meta) != "" && w.job.Spec.Container != "ivf" {
		files.Meta = filepath.Join(w.dir, "meta.txt")
		if err := os.WriteFile(files.Meta, []byte(w.plan.Meta), 0o600); err != nil {
			return files, err
		}
	}
	return files, nil
}

// digest returns the SHA-256 and the size of what r holds and leaves it at its beginning.
func digest(r io.ReadSeeker) (sum string, size int64, err error) {
	h := sha256.New()
	if size, err = io.Copy(h, r); err == nil {
		_, err = r.Seek(0, io.SeekStart)
	}
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// newAttempt returns a name that no other attempt has.
func newAttempt() string { return strings.ToLower(rand.Text()) }

func isBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
