package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/store"
)

// Get implements [store.Store]. The reader survives a server that goes away for
// some seconds: it goes on where it was, if the object is still the same.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, store.Info, error) {
	body, info, err := s.open(ctx, key, "", "")
	if err != nil {
		return nil, store.Info{}, err
	}
	return &reader{s: s, ctx: ctx, key: key, etag: info.ETag, body: body, end: info.Size}, s.info(key, info), nil
}

// Bucket is the bucket that the store keeps its objects in.
func (s *Store) Bucket() string { return s.bucket }

// GetFrom opens an object of any bucket that the same credentials reach.
func (s *Store) GetFrom(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	other := *s
	other.bucket, other.prefix = bucket, ""
	r, _, err := other.Get(ctx, key)
	return r, err
}

// GetRange implements [store.Store]; its reader is like that of Get. A range that
// begins behind the object's end is an error; one that ends there is cut short.
func (s *Store) GetRange(ctx context.Context, key string, off, length int64) (io.ReadCloser, error) {
	if length == 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	body, info, err := s.open(ctx, key, byteRange(off, off+length, length > 0), "")
	if err != nil {
		return nil, err
	}
	return &reader{s: s, ctx: ctx, key: key, etag: info.ETag, body: body, off: off, end: off + info.Size}, nil
}

// byteRange is the header that asks for the bytes from off up to end, or to the
// object's end when that is not bounded.
func byteRange(off, end int64, bounded bool) string {
	if !bounded {
		return fmt.Sprintf("bytes=%d-", off)
	}
	return fmt.Sprintf("bytes=%d-%d", off, end-1)
}

func (s *Store) open(ctx context.Context, key, byteRange, etag string) (io.ReadCloser, minio.ObjectInfo, error) {
	var opts minio.GetObjectOptions
	if byteRange != "" {
		opts.Set("Range", byteRange)
	}
	if etag != "" {
		if err := opts.SetMatchETag(etag); err != nil {
			return nil, minio.ObjectInfo{}, fmt.Errorf("match etag %q: %w", etag, err)
		}
	}
	body, info, _, err := s.core.GetObject(ctx, s.bucket, s.prefix+key, opts)
	if err != nil {
		return nil, minio.ObjectInfo{}, classify(ctx, "get", key, err)
	}
	return body, info, nil
}

// Stat implements [store.Store].
func (s *Store) Stat(ctx context.Context, key string) (store.Info, error) {
	info, err := s.core.Client.StatObject(ctx, s.bucket, s.prefix+key, minio.StatObjectOptions{})
	if err != nil {
		return store.Info{}, classify(ctx, "stat", key, err)
	}
	return s.info(key, info), nil
}

func (s *Store) info(key string, o minio.ObjectInfo) store.Info {
	i := store.Info{Key: key, Size: o.Size, Modified: o.LastModified, Meta: make(map[string]string, len(o.UserMetadata))}
	for name, value := range o.UserMetadata {
		i.Meta[strings.ToLower(name)] = value
	}
	return i
}

// List implements [store.Store].
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		opts := minio.ListObjectsOptions{Prefix: s.prefix + prefix, Recursive: true}
		for o := range s.core.ListObjectsIter(ctx, s.bucket, opts) {
			if o.Err != nil {
				yield(store.Info{}, classify(ctx, "list", prefix, o.Err))
				return
			}
			if !yield(store.Info{Key: strings.TrimPrefix(o.Key, s.prefix), Size: o.Size, Modified: o.LastModified}, nil) {
				return
			}
		}
		// A listing that was cut off looks like one that ended.
		if ctx.Err() != nil {
			yield(store.Info{}, fmt.Errorf("list objects %s: %w", prefix, context.Cause(ctx)))
		}
	}
}

// Delete implements [store.Store]. It goes on behind an object that can't be
// deleted and reports all of them.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	if len(keys) == 1 {
		err := s.core.Client.RemoveObject(ctx, s.bucket, s.prefix+keys[0], minio.RemoveObjectOptions{})
		if err = classify(ctx, "delete", keys[0], err); errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}
	objects := func(yield func(minio.ObjectInfo) bool) {
		for _, key := range keys {
			if !yield(minio.ObjectInfo{Key: s.prefix + key}) {
				return
			}
		}
	}
	results, err := s.core.RemoveObjectsWithIter(ctx, s.bucket, objects, minio.RemoveObjectsOptions{})
	if err != nil {
		return classify(ctx, "delete", keys[0], err)
	}
	var failed []error
	for r := range results {
		err := classify(ctx, "delete", strings.TrimPrefix(r.ObjectName, s.prefix), r.Err)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			failed = append(failed, err)
		}
	}
	if err := context.Cause(ctx); err != nil {
		failed = append(failed, fmt.Errorf("delete objects: %w", err))
	}
	return errors.Join(failed...)
}

// reader reads an object from off to end and opens it again where it broke.
type reader struct {
	s        *Store
	ctx      context.Context //nolint:containedctx // io.Reader has no other way to end
	key      string
	etag     string
	body     io.ReadCloser
	off, end int64
	broken   int // tries since the last byte
}

func (r *reader) Read(p []byte) (int, error) {
	for {
		n, err := r.body.Read(p)
		r.off += int64(n)
		if n > 0 {
			r.broken = 0
		}
		switch {
		case n > 0 && err != nil && r.off < r.end:
			return n, nil // the next Read meets the same error
		case err == nil, r.off >= r.end:
			return n, err
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err := r.reopen(err); err != nil {
			return 0, err
		}
	}
}

func (r *reader) reopen(cause error) error {
	cause = classify(r.ctx, "read", r.key, cause)
	if r.broken++; r.broken >= attempts || r.ctx.Err() != nil {
		return cause
	}
	if wait(r.ctx, r.broken) != nil {
		return classify(r.ctx, "read", r.key, cause)
	}
	body, _, err := r.s.open(r.ctx, r.key, byteRange(r.off, r.end, true), r.etag)
	if err != nil {
		if fault.Of(err) == fault.Retry {
			return err // open has tried often enough
		}
		return errors.Join(cause, err)
	}
	_ = r.body.Close() // it is broken already
	r.body = body
	return nil
}

// Close ends the read, whether or not all was read.
func (r *reader) Close() error { return r.body.Close() }
