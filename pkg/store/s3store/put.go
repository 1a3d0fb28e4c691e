package s3store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"

	"github.com/reweave/reweave/pkg/fault"
)

const (
	// partSize is the size of a part, and the most an upload holds in memory.
	partSize = 16 << 20
	// wholeSize is the most that a single PUT stores of what can be read again: it is
	// sent from where it lies, and joining parts would cost the server a copy.
	wholeSize = 256 << 20
	// maxParts is how many parts S3 allows.
	maxParts = 10_000
	// headSize is how much of a stream of unknown size is read to see whether it is
	// small enough for a single PUT.
	headSize = 1 << 20
)

// Put implements [store.Store]. An object of 0 bytes is refused: no media is
// empty, so it is a defect of the caller, and some servers leave the connection
// out of step after it.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, size int64, meta map[string]string) error {
	if size == 0 {
		return emptyObject(key)
	}
	if size < 0 {
		head, err := io.ReadAll(io.LimitReader(r, headSize))
		if err != nil {
			return classify(ctx, "put", key, &sourceError{err})
		}
		if len(head) == 0 {
			return emptyObject(key)
		}
		if len(head) < headSize {
			return s.putWhole(ctx, key, bytes.NewReader(head), int64(len(head)), meta)
		}
		return s.putParts(ctx, key, io.MultiReader(bytes.NewReader(head), r), -1, meta)
	}
	if seeker, _ := seekable(r); size <= partSize || seeker != nil && size <= wholeSize {
		return s.putWhole(ctx, key, r, size, meta)
	}
	return s.putParts(ctx, key, r, size, meta)
}

func emptyObject(key string) error {
	return &fault.Error{Class: fault.Permanent, Type: "empty-object", Where: "put object " + key, Title: "there is nothing to store"}
}

// putWhole stores with one PUT, and again from where r stood when that failed in
// passing. The client's own retry is not used: it begins at the start of a file
// instead, and goes on with the checksum of the failed try.
func (s *Store) putWhole(ctx context.Context, key string, r io.Reader, size int64, meta map[string]string) error {
	seeker, start := seekable(r)
	for n := 0; ; n++ {
		err := s.upload(ctx, key, io.LimitReader(r, size), size, meta, true)
		if err == nil || fault.Of(err) != fault.Retry || seeker == nil || n == attempts-1 {
			return err
		}
		if wait(ctx, n) != nil {
			return err
		}
		if _, serr := seeker.Seek(start, io.SeekStart); serr != nil {
			return errors.Join(err, serr)
		}
	}
}

// putParts stores part by part. A part is a buffer, which the client sends again
// when that failed in passing, so a reader needs no second start.
func (s *Store) putParts(ctx context.Context, key string, r io.Reader, size int64, meta map[string]string) error {
	if size > 0 {
		r = io.LimitReader(r, size)
	}
	return s.upload(ctx, key, r, size, meta, false)
}

func (s *Store) upload(ctx context.Context, key string, r io.Reader, size int64, meta map[string]string, whole bool) error {
	// onlyReader hides Seek, ReadAt and Close, which the client would use otherwise.
	src := &onlyReader{r: r, size: size}
	_, err := s.core.Client.PutObject(ctx, s.bucket, s.prefix+key, src, size, minio.PutObjectOptions{
		UserMetadata: meta,
		PartSize:     partSizeFor(size),
		// With it, one PUT of any size.
		DisableMultipart: whole,
		NumThreads:       1,
		// Checked by CRC32C instead, which is faster and holds end to end.
		DisableContentSha256: true,
		Checksum:             minio.ChecksumCRC32C,
	})
	if src.err != nil {
		err = &sourceError{src.err}
	}
	return classify(ctx, "put", key, err)
}

// partSizeFor is 16 MiB, or as many MiB as it takes to stay within 10,000 parts.
func partSizeFor(size int64) uint64 {
	need := (size + maxParts - 1) / maxParts
	return uint64(max(partSize, (need+1<<20-1)>>20<<20))
}

func seekable(r io.Reader) (io.Seeker, int64) {
	seeker, ok := r.(io.Seeker)
	if !ok {
		return nil, 0
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil { // a pipe is an *os.File too
		return nil, 0
	}
	return seeker, start
}

// onlyReader is a reader and nothing else. It remembers its error, and makes one
// of an end before size bytes, where size is known.
type onlyReader struct {
	r    io.Reader
	n    int64
	size int64
	err  error
}

func (o *onlyReader) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	o.n += int64(n)
	if errors.Is(err, io.EOF) && o.n < o.size {
		// Wrapped, since the client takes the bare error for an end.
		err = fmt.Errorf("%w after %d of %d bytes", io.ErrUnexpectedEOF, o.n, o.size)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		o.err = err
	}
	return n, err
}
