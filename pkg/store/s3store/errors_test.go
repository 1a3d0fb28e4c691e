package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/store"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		class  fault.Class
		slug   string
	}{
		{http.StatusForbidden, "AccessDenied", fault.Permanent, "store-denied"},
		{http.StatusNotFound, "XAdminUserNotFound", fault.Permanent, "store-denied"},
		{http.StatusForbidden, "RequestTimeTooSkewed", fault.Retry, "clock-skew"},
		{http.StatusForbidden, "SomethingNew", fault.Permanent, "store-denied"},
		{http.StatusNotFound, "NoSuchBucket", fault.Permanent, "store-no-bucket"},
		{http.StatusInsufficientStorage, "InsufficientStorage", fault.Permanent, "no-space"},
		{http.StatusInsufficientStorage, "XMinioStorageFull", fault.Permanent, "no-space"},
		{http.StatusForbidden, "QuotaExceeded", fault.Permanent, "no-space"},
		{http.StatusInternalServerError, "InternalError", fault.Retry, "store-unavailable"},
		{http.StatusServiceUnavailable, "SlowDown", fault.Retry, "store-unavailable"},
		{http.StatusBadGateway, "", fault.Retry, "store-unavailable"},
		{http.StatusBadRequest, "BadDigest", fault.Retry, "store-unavailable"},
		{http.StatusConflict, "ExistingObjectIsDirectory", fault.Retry, "store-unavailable"},
		{http.StatusBadRequest, "KeyTooLongError", fault.Permanent, "store-refused"},
	} {
		answer := minio.ErrorResponse{StatusCode: c.status, Code: c.code}
		err := classify(t.Context(), "put", "k", fmt.Errorf("wrapped: %w", answer))
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Class != c.class || f.Type != c.slug || !errors.As(err, &minio.ErrorResponse{}) {
			t.Errorf("%d %s becomes %v (%+v)", c.status, c.code, err, f)
		}
	}
	for _, code := range []string{"NoSuchKey", "NoSuchUpload", ""} {
		if err := classify(t.Context(), "get", "k", minio.ErrorResponse{StatusCode: http.StatusNotFound, Code: code}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("404 %s becomes %v", code, err)
		}
	}
	if err := classify(t.Context(), "get", "k", io.ErrUnexpectedEOF); fault.Of(err) != fault.Retry {
		t.Errorf("a broken connection becomes %v", err)
	}
	if err := classify(t.Context(), "put", "k", &sourceError{io.ErrUnexpectedEOF}); fault.Of(err) != fault.Internal {
		t.Errorf("a broken source becomes %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := classify(ended, "get", "k", io.ErrUnexpectedEOF); !errors.Is(err, context.Canceled) || fault.Of(err) != fault.Internal {
		t.Errorf("an ended context becomes %v", err)
	}
}

func TestPartSizeFor(t *testing.T) {
	for size, want := range map[int64]uint64{
		-1: 16 << 20, 17 << 20: 16 << 20, 160_000 << 20: 16 << 20, 160_000<<20 + 1: 17 << 20, 5 << 40: 525 << 20,
	} {
		got := partSizeFor(size)
		if got != want || size > 0 && int64(got)*maxParts < size {
			t.Errorf("parts of %d bytes are %d bytes, want %d", size, got, want)
		}
	}
}
