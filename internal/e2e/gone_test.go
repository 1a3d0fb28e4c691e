package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/store"
)

// watchStore starts a cluster whose store is watched, and at first held up nowhere.
func watchStore(t *testing.T) (*watched, *e2e.Cluster) {
	t.Helper()
	w := &watched{}
	w.next()
	close(w.let)
	return w, e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264"}, Stores: w.wrap})
}

// TestAChunkAndItsSourceAreGone deletes a chunk of a job that is about to be muxed, and the
// source that it was made from. The job says what is missing, and why it can't be made again.
func TestAChunkAndItsSourceAreGone(t *testing.T) {
	t.Parallel()
	w, c := watchStore(t)
	spec := memoryFilm(t)
	first, out := c.Encode(t, spec)
	film, err := os.ReadFile(spec.Source)
	if err != nil {
		t.Fatal(err)
	}
	id := ulid.Make().String()
	upload := store.UploadKey("", id, "a.mkv")
	put := func() {
		if err := c.Store.Put(t.Context(), upload, strings.NewReader(string(film)), int64(len(film)), nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		source, why  string
		remove, back func() error
	}{
		{spec.Source, "no such file", func() error { return os.Remove(spec.Source) }, func() error { return os.WriteFile(spec.Source, film, 0o600) }},
		{"upload:" + id, "there is no such upload", func() error { return c.Store.Delete(t.Context(), upload) }, func() error { put(); return nil }},
	} {
		put()
		w.next()
		s := spec
		s.Source = tc.source
		j := c.Submit(t, s)
		<-w.muxing
		victim := c.Manifest(t, first).Chunks[3].Key
		if err := c.Store.Delete(t.Context(), store.ChunkKey(victim)); err != nil {
			t.Fatal(err)
		}
		if err := tc.remove(); err != nil {
			t.Fatal(err)
		}
		close(w.let)
		j = c.Await(t, j.ID)
		if j.State != job.Failed || j.Error.Slug() != "lost-objects" {
			t.Fatalf("without its source the job is %s: %+v", j.State, j.Error)
		}
		for _, says := range []string{"the stored chunks of [v3] are missing or damaged; the source is needed", tc.source, tc.why, "put the source back"} {
			if !strings.Contains(j.Error.Detail, says) {
				t.Errorf("it does not say %q: %s", says, j.Error.Detail)
			}
		}
		if err := tc.back(); err != nil {
			t.Fatal(err)
		}
		if j = c.Await(t, c.Submit(t, s).ID); j.State != job.Done || j.Chunks.Encoded != 1 || j.Output.SHA256 != first.Output.SHA256 {
			t.Errorf("with its source back the job is %s, %+v, %+v", j.State, j.Chunks, j.Error)
		}
		if sumOf(t, c.Deliverable(t, first)) != sumOf(t, out) {
			t.Error("the deliverable of the first job is another one")
		}
	}
}

// TestPatchWithoutChunksAndSource empties the store and takes away what the deliverable was
// made from: patch refuses, says what it misses and what to do, and leaves BASE alone.
func TestPatchWithoutChunksAndSource(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"data", "server"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			place := []string{"--data", "data"}
			if where == "server" {
				place = []string{"--server", serving(t, dir)}
			}
			film, fix := filepath.Join(dir, "film.mov"), cutFilm(t, "negate,trim=end_frame=20")
			if err := os.Rename(copied(t, cutFilm(t, "null")), film); err != nil {
				t.Fatal(err)
			}
			run := func(args ...string) *e2e.Program {
				p := e2e.Command(t, dir, append(args, place...)...)
				p.Run()
				return p
			}
			if p := run("encode", film, "-o", "base.mp4", "--audio", "aac", "--preset", "veryfast", "--chunk-max", "2"); p.ProcessState.ExitCode() != 0 {
				t.Fatal(&p.Stderr)
			}
			base := sumOf(t, filepath.Join(dir, "base.mp4"))
			patch := []string{"patch", "base.mp4", "--range", "100f-120f=" + fix}
			if p := run(append(patch, "-o", "want.mp4")...); p.ProcessState.ExitCode() != 0 {
				t.Fatal(&p.Stderr)
			}
			if p := run("cache", "gc", "--max-size", "0"); !strings.Contains(p.Stdout.String(), "0 B stay") {
				t.Fatalf("%s%s", &p.Stdout, &p.Stderr)
			}
			moved := filepath.Join(dir, "moved.mov")
			if err := os.Rename(film, moved); err != nil {
				t.Fatal(err)
			}
			if where == "server" {
				dropUploads(t, dir)
			}
			p := run(append(patch, "-o", "none.mp4")...)
			for _, says := range []string{"base.mp4", "it was made from ", "can't be read any more", "--source FILE"} {
				if !strings.Contains(p.Stderr.String(), says) {
					t.Errorf("it does not say %q: %s", says, &p.Stderr)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "none.mp4")); p.ProcessState.ExitCode() != 2 || !os.IsNotExist(err) {
				t.Errorf("exit code %d, %v", p.ProcessState.ExitCode(), err)
			}
			if p := run(append(patch, "-o", "out.mp4", "--source", moved)...); p.ProcessState.ExitCode() != 0 {
				t.Error(&p.Stderr)
			}
			sameBytes(t, filepath.Join(dir, "want.mp4"), filepath.Join(dir, "out.mp4"))
			if sumOf(t, filepath.Join(dir, "base.mp4")) != base {
				t.Error("BASE is another file than before")
			}
		})
	}
}

// dropUploads deletes what was sent to the server of a directory.
func dropUploads(t *testing.T, dir string) {
	t.Helper()
	uploads := filepath.Join(dir, "data", "objects", "reweave", "uploads")
	if err := os.RemoveAll(uploads); err != nil {
		t.Fatal(err)
	}
}

// serving runs a server on the data directory of dir until the test ends.
func serving(t *testing.T, dir string) string {
	t.Helper()
	server := e2e.Command(t, dir, "serve", "--listen", "127.0.0.1:0", "--data", "data").Begin()
	testenv.Await(t, time.Minute, "the server", func() bool {
		return !server.Running() || strings.Contains(server.Stdout.String(), "serves at")
	})
	return strings.Fields(strings.TrimPrefix(server.Stdout.String(), "reweave serves at "))[0]
}
