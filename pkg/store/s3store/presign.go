package s3store

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/store"
)

// PresignGet implements [store.Presigner]. An empty filename leaves it to the
// browser what becomes of the object.
func (s *Store) PresignGet(ctx context.Context, key, filename string, ttl time.Duration) (string, error) {
	query := url.Values{}
	if filename != "" {
		query.Set("response-content-disposition", mime.FormatMediaType("attachment", map[string]string{"filename": filename}))
	}
	return s.presign(ctx, http.MethodGet, key, ttl, query)
}

// PresignPut implements [store.Presigner]. The body's length must be announced:
// S3 takes no chunked transfer encoding, which is what ffmpeg would send.
func (s *Store) PresignPut(ctx context.Context, key string, ttl time.Duration) (string, error) {
	return s.presign(ctx, http.MethodPut, key, ttl, nil)
}

// PresignPart implements [store.Presigner].
func (s *Store) PresignPart(ctx context.Context, key, uploadID string, n int, ttl time.Duration) (string, error) {
	if n < 1 || n > maxParts {
		return "", fault.Userf("invalid-part", "part "+strconv.Itoa(n), "there is no such part", "parts are numbered from 1 to 10000")
	}
	return s.presign(ctx, http.MethodPut, key, ttl, url.Values{"partNumber": {strconv.Itoa(n)}, "uploadId": {uploadID}})
}

// presign speaks to no server: the region is known.
func (s *Store) presign(ctx context.Context, method, key string, ttl time.Duration, query url.Values) (string, error) {
	u, err := s.public.Presign(ctx, method, s.bucket, s.prefix+key, ttl, query)
	if err != nil {
		return "", fmt.Errorf("presign %s of %s: %w", method, key, err)
	}
	return u.String(), nil
}

// CreateMultipart implements [store.Presigner].
func (s *Store) CreateMultipart(ctx context.Context, key string) (string, error) {
	id, err := s.core.NewMultipartUpload(ctx, s.bucket, s.prefix+key, minio.PutObjectOptions{})
	return id, classify(ctx, "begin upload of", key, err)
}

// CompleteMultipart implements [store.Presigner]. ETags may be given with or
// without their quotes. A wrong ETag or a missing part is the user's fault.
func (s *Store) CompleteMultipart(ctx context.Context, key, uploadID string, etags []string) error {
	parts := make([]minio.CompletePart, len(etags))
	for i, etag := range etags {
		parts[i] = minio.CompletePart{PartNumber: i + 1, ETag: strings.Trim(etag, `"`)}
	}
	_, err := s.core.CompleteMultipartUpload(ctx, s.bucket, s.prefix+key, uploadID, parts, minio.PutObjectOptions{})
	switch code := minio.ToErrorResponse(err).Code; code {
	case "InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML":
		return &fault.Error{
			Class: fault.User, Type: "invalid-part", Where: "upload of " + key, Title: "the parts don't make an object",
			Hint: "send every part but the last with at least 5 MiB, and the ETags that came back, in order", Err: err,
		}
	}
	return classify(ctx, "complete upload of", key, err)
}

// AbortMultipart implements [store.Presigner]. An upload that is gone is no error.
func (s *Store) AbortMultipart(ctx context.Context, key, uploadID string) error {
	err := classify(ctx, "abort upload of", key, s.core.AbortMultipartUpload(ctx, s.bucket, s.prefix+key, uploadID))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
