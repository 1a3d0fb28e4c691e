package embed

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// guard is versitygw's posix backend with what it lacks at v1.8.0: it publishes an
// unsigned upload whose client died, as short as it came (versitygw#2414), and it
// never synchronises. All paths are relative to its root, the working directory.
type guard struct {
	*posix.Posix
	// bucket is that of the users, and policy what they may do in it; empty without users.
	bucket string
	policy []byte
}

func newGuard(root, sidecar string) (*guard, error) {
	// The library's default of 0 refuses every copy; its comment promises 5 GiB.
	opts := posix.PosixOpts{CopyObjectThreshold: 5 << 30, SideCarDir: sidecar, DataIntegrityEtag: true}
	var attrs meta.MetadataStorer = meta.XattrMeta{}
	if sidecar != "" {
		cars, err := meta.NewSideCar(sidecar)
		if err != nil {
			return nil, err
		}
		attrs = cars
	}
	p, err := posix.New(root, attrs, opts)
	if err != nil {
		return nil, err
	}
	return &guard{Posix: p}, nil
}

// sidecarDir returns the directory for metadata beside root, or "" where the file
// system keeps it with the objects. What a directory began with, it stays with.
func sidecarDir(root string) (string, error) {
	dir := filepath.Join(filepath.Dir(root), "metadata")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if (meta.XattrMeta{}).Test(root) == nil {
		return "", nil
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// PutObject stores an object whole and durably, or not at all.
func (g *guard) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	in.Body = whole(in.Body, in.ContentLength)
	out, err := g.PutObjectWithPostFunc(ctx, in, (*os.File).Sync)
	if err != nil {
		return out, named(err)
	}
	return out, syncDirOf(filepath.Join(*in.Bucket, *in.Key))
}

// UploadPart stores a part whole and durably, or not at all.
func (g *guard) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	in.Body = whole(in.Body, in.ContentLength)
	out, err := g.UploadPartWithPostFunc(ctx, in, (*os.File).Sync)
	return out, named(err)
}

// CompleteMultipartUpload joins the parts of an object durably.
func (g *guard) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	res, version, err := g.Posix.CompleteMultipartUpload(ctx, in)
	if err != nil {
		return res, version, named(err)
	}
	object := filepath.Join(*in.Bucket, *in.Key)
	return res, version, errors.Join(syncPath(object), syncDirOf(object))
}

// named gives a full disc its name wherever versitygw lets it be an InternalError.
func named(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return s3err.GetAPIError(s3err.ErrNoSpaceLeftOnDevice)
	}
	return err
}

// syncDirOf makes the name of an object last. Where directories can't be
// synchronised, the name lasts as the system sees fit.
func syncDirOf(object string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return syncPath(filepath.Dir(object))
}

// syncPath synchronises a file or directory; one that is gone by now was deleted
// by someone else, which is as good.
func syncPath(name string) error {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// whole makes an early end of an announced length an error.
func whole(r io.Reader, length *int64) io.Reader {
	if r == nil || length == nil {
		return r
	}
	return &wholeReader{r: r, left: *length}
}

type wholeReader struct {
	r    io.Reader
	left int64
}

func (w *wholeReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.left -= int64(n)
	if w.left > 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		// Not io.ErrUnexpectedEOF, which versitygw's HashReader takes for an end.
		err = s3err.GetAPIError(s3err.ErrIncompleteBody)
	}
	return n, err
}
