package embed

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/versity/versitygw/backend/posix"
)

// staleUpload is how long an upload in parts may rest before it is dropped.
const staleUpload = 24 * time.Hour

// sweep deletes what a killed server and forgotten clients left in the buckets'
// .sgwtmp: nameless parts at once, since nobody is writing them any more, and
// uploads in parts once nothing was added for a day. The server must not run.
func sweep(root string, now time.Time) error {
	buckets, err := filepath.Glob(filepath.Join(root, "*", posix.MetaTmpDir))
	if err != nil {
		return err
	}
	var errs []error
	for _, tmp := range buckets {
		entries, err := os.ReadDir(tmp)
		errs = append(errs, err)
		for _, e := range entries {
			if e.Name() != "multipart" && !e.IsDir() {
				errs = append(errs, os.Remove(filepath.Join(tmp, e.Name())))
			}
		}
		// multipart/<hash of the key>/<upload id>/<part>
		uploads, err := filepath.Glob(filepath.Join(tmp, "multipart", "*", "*"))
		errs = append(errs, err)
		for _, upload := range uploads {
			errs = append(errs, sweepUpload(upload, now))
		}
	}
	return errors.Join(errs...)
}

func sweepUpload(upload string, now time.Time) error {
	info, err := os.Stat(upload)
	if err != nil || now.Sub(info.ModTime()) < staleUpload {
		return err
	}
	if err := os.RemoveAll(upload); err != nil {
		return err
	}
	// The directory of the key stays while it holds other uploads (ENOTEMPTY is an
	// fs.ErrExist).
	if err := os.Remove(filepath.Dir(upload)); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
