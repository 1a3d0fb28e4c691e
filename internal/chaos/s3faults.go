package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/reweave/reweave/pkg/job"
)

// throughS3 runs a job whose services reach S3 through a proxy. harm
// gets it in the middle of the job.
func throughS3(ctx context.Context, h *harness, r *row, harm func(context.Context, *world, *s3proxy) error) (err error) {
	p, err := newS3Proxy()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	w, err := h.newWorld(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2, web: p})
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.tell("delay", "0.4"); err != nil {
		return err
	}
	film := h.long
	if h.brief {
		film = h.short
	}
	id, err := w.submit(ctx, film, "")
	if err != nil {
		return err
	}
	if err := w.busy(ctx, id, 3); err != nil {
		return err
	}
	if err := harm(ctx, w, p); err != nil {
		return err
	}
	err = errors.Join(w.finish(ctx, id), w.intact(ctx, film, id), w.count(r, id))
	r.times = int(p.harmed.Load())
	if err == nil && r.times == 0 {
		err = errors.New("no request was harmed")
	}
	return err
}

// slowS3 has S3 answer 503 SlowDown to two requests of ten, to all for four seconds,
// and to two of ten again until the job ends. What was encoded meanwhile is stored later.
func slowS3(ctx context.Context, h *harness, r *row) error {
	return throughS3(ctx, h, r, func(ctx context.Context, _ *world, p *s3proxy) error {
		some := func(*http.Request) verdict {
			if rand.IntN(10) < 2 { // five tries fail once in three thousand times
				return slowDown
			}
			return pass
		}
		p.harm(some)
		if err := rest(ctx, 2*time.Second); err != nil {
			return err
		}
		p.harm(func(*http.Request) verdict { return slowDown })
		err := rest(ctx, 4*time.Second)
		p.harm(some)
		return err
	})
}

// loseAnswers breaks the connection behind every third PUT that S3 has done.
func loseAnswers(ctx context.Context, h *harness, r *row) error {
	return throughS3(ctx, h, r, func(_ context.Context, _ *world, p *s3proxy) error {
		var n atomic.Int64
		p.harm(func(r *http.Request) verdict {
			if r.Method == http.MethodPut && n.Add(1)%3 == 0 {
				return lost
			}
			return pass
		})
		return nil
	})
}

// tearBodies breaks every third PUT in the middle of its body.
func tearBodies(ctx context.Context, h *harness, r *row) error {
	return throughS3(ctx, h, r, func(_ context.Context, _ *world, p *s3proxy) error {
		var n atomic.Int64
		p.harm(func(r *http.Request) verdict {
			if r.Method == http.MethodPut && n.Add(1)%3 == 0 {
				return torn
			}
			return pass
		})
		return nil
	})
}

// fillS3 fills the disc of S3 in the middle of a job. The job fails and says why; with
// space again, it is submitted again and reuses what was finished.
func fillS3(ctx context.Context, h *harness, r *row) error {
	w, id, err := h.inTheMiddle(ctx, fleet{api: 1, splitter: 1, muxer: 1, encoder: 2, space: map[string]string{"s3": "64m"}}, 5)
	if err != nil {
		return err
	}
	defer w.end()
	w.s3.signal(syscall.SIGUSR1)
	r.times = 1
	if err := w.reach(ctx, id, job.Failed); err != nil {
		return err
	}
	j, err := w.bus.Job(ctx, id)
	if err != nil {
		return err
	}
	if !strings.Contains(j.Error.Title+j.Error.Detail, "no space") || j.Error.Hint == "" {
		return fmt.Errorf("the job's error does not tell of the full disc: %+v", j.Error)
	}
	w.s3.signal(syscall.SIGUSR2)
	if err := errors.Join(w.clean(ctx, id), w.count(r, id), w.tell("delay", "")); err != nil {
		return err
	}
	again, err := w.encode(ctx, h.long)
	if err != nil {
		return err
	}
	if j, err = w.bus.Job(ctx, again); err == nil && j.Chunks.Reused == 0 {
		err = errors.New("nothing was reused")
	}
	return err
}

// tearUpload breaks parts of a client's upload in the middle, which the client sends
// again, and then begins an upload and dies: what is left of it is swept up.
func tearUpload(ctx context.Context, h *harness, r *row) (err error) {
	p, err := newS3Proxy()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	w, err := h.newWorld(ctx, fleet{
		api: 1, splitter: 1, muxer: 1, encoder: 2, web: p,
		env: map[string][]string{"muxer": {"REWEAVE_MUXER_STALE_UPLOADS=5s"}},
	})
	if err != nil {
		return err
	}
	defer w.end()
	film, err := h.makeBig(ctx)
	if err != nil {
		return err
	}
	if _, err := w.encode(ctx, film); err != nil { // in peace: what it is to become
		return err
	}
	if err := w.forgetChunks(ctx); err != nil {
		return err
	}
	var parts atomic.Int64
	p.harm(func(r *http.Request) verdict {
		if r.URL.Query().Has("partNumber") && parts.Add(1)%2 == 1 && parts.Load() < 6 {
			return torn
		}
		return pass
	})
	f, err := os.Open(film.path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	source, err := w.api.Upload(ctx, film.name, f, info.Size(), nil)
	if err != nil {
		return err
	}
	spec := film.spec()
	spec.Source = source
	j, err := w.api.Submit(ctx, spec, "")
	if err != nil {
		return err
	}
	if err := errors.Join(w.finish(ctx, j.ID), w.intact(ctx, film, j.ID)); err != nil {
		return err
	}
	return errors.Join(w.abandonUpload(ctx, film, p), w.noUploads(ctx, "the client's"), w.tellHarm(r, p))
}

func (w *world) tellHarm(r *row, p *s3proxy) error {
	if r.times = int(p.harmed.Load()); r.times < 3 {
		return fmt.Errorf("only %d parts were torn", r.times)
	}
	return nil
}

// abandonUpload begins an upload in parts through the presigned URLs, tears one, and
// leaves it, as a client does that is killed.
func (w *world) abandonUpload(ctx context.Context, film *film, p *s3proxy) error {
	p.harm(func(r *http.Request) verdict {
		if r.URL.Query().Get("partNumber") == "2" {
			return torn
		}
		return pass
	})
	key := "uploads/" + film.id() + "/left.mkv"
	id, err := w.store.CreateMultipart(ctx, key)
	if err != nil {
		return err
	}
	for n := range 2 {
		at, err := w.store.PresignPart(ctx, key, id, n+1, time.Hour)
		if err != nil {
			return err
		}
		at = strings.Replace(at, w.s3Addr, p.addr(), 1)
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, at, strings.NewReader(strings.Repeat("x", 5<<20)))
		if err != nil {
			return err
		}
		req.Host = w.s3Addr // it is signed for there
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
		}
	}
	return w.someUpload()
}

// uploads returns the directories of uploads in parts, on the disc of S3.
func (w *world) uploads() ([]string, error) {
	return filepath.Glob(filepath.Join(w.dir, "objects", "reweave", ".sgwtmp", "multipart", "*", "*"))
}

func (w *world) someUpload() error {
	if left, err := w.uploads(); err != nil || len(left) != 1 {
		return errors.Join(err, fmt.Errorf("the abandoned upload is not there: %v", left))
	}
	return nil
}

// noUploads waits until nothing is left of uploads in parts.
func (w *world) noUploads(ctx context.Context, whose string) error {
	return await(ctx, settleLimit, "the end of "+whose+" uploads", func() (bool, error) {
		left, err := w.uploads()
		return len(left) == 0, err
	})
}
