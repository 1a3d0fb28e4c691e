// Package source opens what a user gave as a source for ffmpeg to read.
//
// ffmpeg itself never touches the network. What comes from there is read here and
// handed to it: as a stream on its standard input where the container can be read
// from front to back, so that encoding begins while the source still arrives; else
// as a file that is fetched first.
package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/store"
)

// Opener opens sources.
type Opener struct {
	Store store.Store
	// HTTP fetches https sources; see [GuardedClient].
	HTTP Getter
	// Stdin is what the source "stdin:" stands for; nil where there is none.
	Stdin io.Reader
	// LocalPaths allows paths of this machine.
	LocalPaths bool
	// Stall is how long the next 64 KiB of a source from elsewhere may take; 0 for any time.
	Stall time.Duration
}

// Source is an opened source.
type Source struct {
	// Input is what ffmpeg is told to open.
	Input ffmpeg.Input
	// Stream is what it reads on standard input, when Input says so; Head is the
	// beginning of it, for a probe, and valid until Stream is read.
	Stream io.Reader
	Head   []byte

	closers []io.Closer
}

// Close frees what the source holds.
func (s *Source) Close() {
	for _, c := range s.closers {
		c.Close()
	}
}

// headSize is how much of a stream is looked at before it is read: enough for the
// headers of all streams, and for the index of a fast-start MP4 of some hours.
const headSize = 8 << 20

// Open opens a job's source. What has to be fetched first is fetched into dir.
func (o *Opener) Open(ctx context.Context, j job.Job, dir string) (*Source, error) {
	spec := j.Spec
	name := spec.Name
	if name == "" {
		name = job.ShownSource(spec.Source)
	}
	if job.KindOf(spec.Source) == job.LocalPath {
		return o.openPath(spec.Source)
	}
	r, err := o.patiently(ctx, j)
	if err != nil {
		return nil, err
	}
	s := &Source{Input: ffmpeg.Input{Name: name}, closers: []io.Closer{r}}
	buffered := bufio.NewReaderSize(r, headSize)
	head, err := buffered.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		s.Close()
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(head) == 0 {
		s.Close()
		return nil, fault.Userf("empty-source", name, "the source is empty", "give a video")
	}
	if Streamable(head) {
		s.Head, s.Stream = head, buffered
		return s, nil
	}
	if err := s.fetch(buffered, dir, name); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// patiently opens a stream that ends with an error when it comes to a standstill. What comes
// on standard input may take its time.
func (o *Opener) patiently(ctx context.Context, j job.Job) (io.ReadCloser, error) {
	if o.Stall <= 0 || job.KindOf(j.Spec.Source) == job.Stdin {
		return o.stream(ctx, j)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	r, err := o.stream(ctx, j)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	return &patient{ReadCloser: r, where: job.ShownSource(j.Spec.Source), limit: o.Stall, cancel: cancel}, nil
}

func (o *Opener) stream(ctx context.Context, j job.Job) (io.ReadCloser, error) {
	spec := j.Spec
	switch kind := job.KindOf(spec.Source); {
	case kind == job.Stdin && o.Stdin != nil:
		return io.NopCloser(o.Stdin), nil
	case kind == job.Upload:
		id, _ := spec.UploadID()
		return o.upload(ctx, j.Tenant, id)
	case kind == job.S3:
		bucket, key, ok := job.S3Object(spec.Source)
		if !ok {
			return nil, fault.Userf("invalid-source", job.ShownSource(spec.Source), "this names no object of a bucket", "give s3://bucket/key")
		}
		if j.Tenant != "" && o.own(bucket) {
			return nil, fault.Userf("forbidden-source", job.ShownSource(spec.Source), "this bucket is Reweave's own: it holds what others sent",
				"name your own upload as upload:ID, or copy the object into a bucket of yours")
		}
		return o.object(ctx, bucket, key)
	case kind == job.HTTPS, kind == job.PlainHTTP:
		return o.get(ctx, spec.Source)
	}
	return nil, fault.Userf("invalid-source", job.ShownSource(spec.Source), "there is no way to read this source here", "upload the file")
}

// openPath opens a file of this machine.
func (o *Opener) openPath(p string) (*Source, error) {
	if !o.LocalPaths {
		return nil, fault.Userf("invalid-source", p, "this server reads no local paths", "upload the file")
	}
	f, err := os.Open(p)
	if err != nil {
		e := fault.Userf("unreadable-source", p, "the source can't be read", "check its name and its permissions")
		e.Err = errors.Unwrap(err)
		return nil, e
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("stat source: %w", err)
	case info.IsDir():
		return nil, fault.Userf("unreadable-source", p, "the source is a directory", "give a file")
	case info.Mode().IsRegular() && info.Size() == 0:
		return nil, fault.Userf("empty-source", p, "the source is empty", "give a video")
	}
	return &Source{Input: ffmpeg.Input{Path: p, Name: filepath.Base(p)}}, nil
}

func (o *Opener) upload(ctx context.Context, tenant, id string) (io.ReadCloser, error) {
	for info, err := range o.Store.List(ctx, store.UploadKey(tenant, id, "")) {
		if err != nil {
			return nil, err
		}
		r, _, err := o.Store.Get(ctx, info.Key)
		return r, err
	}
	return nil, fault.Userf("no-upload", "upload:"+id, "there is no such upload", "upload the file first, and complete the upload")
}

// own reports whether a bucket is the store's own.
func (o *Opener) own(bucket string) bool {
	s, ok := o.Store.(interface{ Bucket() string })
	return ok && s.Bucket() == bucket
}

// bucketer is a store that can reach other buckets with the same credentials.
type bucketer interface {
	GetFrom(ctx context.Context, bucket, key string) (io.ReadCloser, error)
}

func (o *Opener) object(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	b, ok := o.Store.(bucketer)
	if !ok {
		return nil, fault.Userf("invalid-source", "s3://"+bucket, "this store reaches no other buckets", "upload the file")
	}
	r, err := b.GetFrom(ctx, bucket, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.Userf("no-object", "s3://"+path.Join(bucket, key), "there is no such object", "check bucket and key")
	}
	return r, err
}

// fetch copies the stream into a file of dir.
func (s *Source) fetch(r io.Reader, dir, name string) error {
	f, err := os.CreateTemp(dir, "source-*"+path.Ext(name))
	if err != nil {
		return fmt.Errorf("fetch source: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return fmt.Errorf("fetch source: %w", err)
	}
	s.Input.Path = f.Name()
	return nil
}
