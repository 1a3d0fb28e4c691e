package s3store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

	"github.com/minio/minio-go/v7"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/store"
)

// classify says what an error of the client means to whoever handles it. The end
// of the context stays what it is; all that did not come from the server as an
// answer is the network's and passes.
func classify(ctx context.Context, verb, key string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s object %s: %w", verb, key, context.Cause(ctx))
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if read, ok := errors.AsType[*sourceError](err); ok {
		return fmt.Errorf("%s object %s: read what is to be stored: %w", verb, key, read.err)
	}
	resp, answered := errors.AsType[minio.ErrorResponse](err)
	if answered && notFound(resp) {
		return fmt.Errorf("%s object %s: %w", verb, key, store.ErrNotFound)
	}
	f := &fault.Error{Class: fault.Retry, Type: "store-unavailable", Where: verb + " object " + key, Title: "the object store does not answer", Err: err}
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		f.Class, f.Type, f.Title = fault.Permanent, "store-untrusted", "the certificate of the object store is not trusted"
		f.Hint = "name the authority that signed it in REWEAVE_S3_CA, and the server as its certificate does in REWEAVE_S3_ENDPOINT"
	}
	if answered {
		f.Class, f.Type, f.Title, f.Hint = meaning(resp)
	}
	return f
}

func notFound(r minio.ErrorResponse) bool {
	switch r.Code {
	case "NoSuchKey", "NoSuchUpload":
		return true
	}
	return r.StatusCode == http.StatusNotFound && r.Code == ""
}

// meaning returns the class, slug, title and hint of what a server answered.
func meaning(r minio.ErrorResponse) (class fault.Class, slug, title, hint string) {
	switch r.Code {
	case "InsufficientStorage", "XMinioStorageFull", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded":
		return fault.Permanent, "no-space", "the object store has no space left",
			"free or add space, then submit the job again: its finished chunks are kept"
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "XAdminUserNotFound", "AllAccessDisabled":
		return fault.Permanent, "store-denied", "the object store refused the credentials",
			"check REWEAVE_S3_ACCESS_KEY, REWEAVE_S3_SECRET_KEY and the policy of the bucket"
	case "RequestTimeTooSkewed":
		// No fault of the work: another machine, or this one with its clock set, can do it.
		return fault.Retry, "clock-skew", "this machine's clock and the object store's are too far apart",
			"set the clocks, by NTP for example: S3 refuses what is signed more than 15 minutes off"
	case "NoSuchBucket":
		return fault.Permanent, "store-no-bucket", "the bucket is gone", "create it, or restart the service, which does"
	case "BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "IncompleteBody", "RequestTimeout", "SlowDown":
		return fault.Retry, "store-unavailable", "the transfer to the object store broke", ""
	case "ExistingObjectIsDirectory":
		// Of a server that keeps objects as files: another request took away the directory
		// that this one had just made, when the last object in it was deleted.
		return fault.Retry, "store-unavailable", "the object store is in trouble", ""
	}
	switch {
	case r.StatusCode == http.StatusInsufficientStorage:
		return fault.Permanent, "no-space", "the object store has no space left", "free or add space, then submit the job again"
	case r.StatusCode == http.StatusForbidden, r.StatusCode == http.StatusUnauthorized:
		return fault.Permanent, "store-denied", "the object store refused the request",
			"check REWEAVE_S3_ACCESS_KEY, REWEAVE_S3_SECRET_KEY and the policy of the bucket"
	case r.StatusCode >= 500, r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusRequestTimeout, r.StatusCode == 0:
		return fault.Retry, "store-unavailable", "the object store is in trouble", ""
	default:
		return fault.Permanent, "store-refused", "the object store refused the request", ""
	}
}

// sourceError marks an error of the reader that is being stored, which no second
// try of ours can mend.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }
