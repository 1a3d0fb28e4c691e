package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/recipe"
	"github.com/reweave/reweave/pkg/store"
)

// film is a source, and the digest of what an undisturbed run makes of it.
type film struct {
	name, path string
	seconds    int
	want       string
	tasks      int
}

// makeFilm makes a source of so many seconds, with a keyframe every 12 frames and sound.
func (h *harness) makeFilm(ctx context.Context, name string, seconds int) (*film, error) {
	f := &film{name: name, path: filepath.Join(h.dir, name), seconds: seconds}
	cmd := exec.CommandContext(ctx, "ffmpeg", strings.Fields(fmt.Sprintf("-v error -nostdin -y"+
		" -f lavfi -i testsrc2=s=160x90:r=25:d=%d -f lavfi -i sine=f=440:r=48000:d=%d"+
		" -c:v libx264 -preset ultrafast -threads 1 -g 12 -sc_threshold 0 -c:a pcm_s16le", seconds, seconds))...)
	cmd.Args = append(cmd.Args, f.path)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make %s: %w: %s", name, err, out)
	}
	return f, nil
}

// makeBig makes a source of raw frames, too large for one PUT of an upload.
func (h *harness) makeBig(ctx context.Context) (*film, error) {
	f := &film{name: "big.mkv", path: filepath.Join(h.dir, "big.mkv"), seconds: 9}
	cmd := exec.CommandContext(ctx, "ffmpeg", strings.Fields("-v error -nostdin -y -f lavfi -i testsrc2=s=640x360:r=25:d=9 -c:v rawvideo -pix_fmt yuv420p")...)
	cmd.Args = append(cmd.Args, f.path)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make %s: %w: %s", f.name, err, out)
	}
	return f, nil
}

// id is that of the film's upload: a ULID made of its length, the same in every world.
func (f *film) id() string { return fmt.Sprintf("%026d", f.seconds) }

// spec is the job that every fault is injected into.
func (f *film) spec() job.Spec {
	crf := 30
	return job.Spec{
		Source: "upload:" + f.id(), Name: f.name, Container: "mp4", Audio: "aac", ChunkMin: 0.4, ChunkMax: 0.6,
		Video: recipe.Settings{Codec: "libx264", Preset: "ultrafast", CRF: &crf},
	}
}

// upload puts a film where a client's upload lies.
func (w *world) upload(ctx context.Context, f *film) (job.Spec, error) {
	b, err := os.ReadFile(f.path)
	if err != nil {
		return job.Spec{}, err
	}
	return f.spec(), w.store.Put(ctx, store.UploadKey("", f.id(), f.name), bytes.NewReader(b), int64(len(b)), nil)
}

// submit submits a film as a new job, through the API.
func (w *world) submit(ctx context.Context, f *film, key string) (string, error) {
	spec, err := w.upload(ctx, f)
	if err != nil {
		return "", err
	}
	j, err := w.api.Submit(ctx, spec, key)
	return j.ID, err
}

// finish waits for the end of jobs, starting again what crashes meanwhile.
func (w *world) finish(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		err := await(ctx, jobLimit, "the end of job "+id, func() (bool, error) {
			if err := w.revive(); err != nil {
				return false, err
			}
			j, err := w.bus.Job(ctx, id)
			return j.State.Final(), err
		})
		if err != nil {
			j, jerr := w.bus.Job(ctx, id)
			w.dump()
			return errors.Join(err, jerr, fmt.Errorf("it is %s, %+v", j.State, j.Chunks))
		}
	}
	return nil
}

// intact holds done jobs against what must be true of them.
func (w *world) intact(ctx context.Context, f *film, ids ...string) error {
	var errs []error
	for _, id := range ids {
		j, err := w.bus.Job(ctx, id)
		if err != nil {
			return err
		}
		if j.State != job.Done {
			errs = append(errs, fmt.Errorf("job %s is %s: %+v", id, j.State, j.Error))
			continue
		}
		if f.want == "" { // this is the undisturbed run
			f.want, f.tasks = j.Output.SHA256, j.Chunks.Total
		}
		r, _, err := w.store.Get(ctx, j.Output.Key)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(r)
		errs = append(errs, err, r.Close())
		if sum, _, _ := store.Digest(bytes.NewReader(b)); sum != f.want || j.Output.SHA256 != f.want {
			errs = append(errs, fmt.Errorf("the deliverable of job %s has other bytes", id))
		}
	}
	return errors.Join(append(errs, w.clean(ctx, ids...))...)
}

// clean waits until nothing is left of jobs that ended but what is to be: one event of
// their end, and for done jobs plan, deliverable and manifest.
func (w *world) clean(ctx context.Context, ids ...string) error {
	err := await(ctx, settleLimit, "a clean state", func() (bool, error) {
		if err := w.revive(); err != nil {
			return false, err
		}
		errs := []error{w.noMessages(ctx), w.noSegments(ctx)}
		for _, id := range ids {
			errs = append(errs, w.oneEnd(ctx, id), w.objects(ctx, id))
		}
		lines, err := w.orphans()
		if len(lines) > 0 {
			err = fmt.Errorf("ffmpeg still runs: %s", strings.Join(lines, ", "))
		}
		err = errors.Join(append(errs, err)...)
		return err == nil, err
	})
	if err != nil {
		w.dump()
	}
	return errors.Join(err, w.undenied())
}

func (w *world) noMessages(ctx context.Context) error {
	var errs []error
	for _, name := range []string{"JOBQ", "SEG", "MUX", "TASKS", "DONE", "ATTEMPTS"} {
		s, err := w.js.Stream(ctx, name)
		if err != nil {
			return err
		}
		info, err := s.Info(ctx, jetstream.WithSubjectFilter(">"))
		if err == nil && info.State.Msgs > 0 {
			err = fmt.Errorf("stream %s still has %v", name, info.State.Subjects)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (w *world) noSegments(ctx context.Context) error {
	for o, err := range w.store.List(ctx, "segments/") {
		if err != nil {
			return err
		}
		return fmt.Errorf("object %s is left", o.Key)
	}
	return nil
}

// oneEnd wants exactly one event of a job's end, of the right kind.
func (w *world) oneEnd(ctx context.Context, id string) error {
	j, err := w.bus.Job(ctx, id)
	if err != nil {
		return err
	}
	s, err := w.js.Stream(ctx, "EVENTS")
	if err != nil {
		return err
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter("evt."+id+".>"))
	if err != nil {
		return err
	}
	ends := map[string]uint64{}
	for _, kind := range []job.State{job.Done, job.Failed, job.Cancelled} {
		if n := info.State.Subjects["evt."+id+"."+string(kind)]; n > 0 {
			ends[string(kind)] = n
		}
	}
	if len(ends) != 1 || ends[string(j.State)] != 1 {
		return fmt.Errorf("job %s is %s and has the events %v", id, j.State, ends)
	}
	return nil
}

// objects wants a done job to have a plan, a deliverable and a manifest, and others to
// have a plan at most.
func (w *world) objects(ctx context.Context, id string) error {
	j, err := w.bus.Job(ctx, id)
	if err != nil {
		return err
	}
	may := map[string]bool{store.PlanKey(id): true}
	if j.Output != nil {
		may[j.Output.Key], may[j.Output.Manifest] = true, true
	}
	n := 0
	for o, err := range w.store.List(ctx, "jobs/"+id+"/") {
		if err != nil {
			return err
		}
		if n++; !may[o.Key] {
			return fmt.Errorf("object %s is left", o.Key)
		}
	}
	if j.State == job.Done && n != len(may) {
		return fmt.Errorf("of the objects of job %s, %d are left", id, n)
	}
	return nil
}
