package s3store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/reweave/reweave/pkg/store"
)

// AbortStale drops the uploads in parts that were begun more than age ago and never
// finished, because whoever sent them died, and returns their number. Their parts cost
// space and are listed nowhere. By its own clock, which the server's times are compared
// with, age should be a day or more.
func (s *Store) AbortStale(ctx context.Context, age time.Duration) (n int, err error) {
	ctx, cancel := context.WithCancel(ctx) // the listing ends with it
	defer cancel()
	var failed []error
	for u := range s.core.Client.ListIncompleteUploads(ctx, s.bucket, s.prefix, true) {
		if u.Err != nil {
			failed = append(failed, classify(ctx, "list uploads of", s.prefix, u.Err))
			break
		}
		if time.Since(u.Initiated) < age {
			continue
		}
		key := strings.TrimPrefix(u.Key, s.prefix)
		err := classify(ctx, "abort upload of", key, s.core.AbortMultipartUpload(ctx, s.bucket, u.Key, u.UploadID))
		if errors.Is(err, store.ErrNotFound) { // somebody was faster
			continue
		}
		if err == nil {
			n++
		}
		failed = append(failed, err)
	}
	return n, errors.Join(failed...)
}
