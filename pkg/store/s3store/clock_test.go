package s3store

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/reweave/reweave/pkg/fault"
)

// TestARefusalForTheClockSaysSo asks through a transport of another time. The answer to
// HEAD, by which buckets and chunks are looked for, has no body.
func TestARefusalForTheClockSaysSo(t *testing.T) {
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer refuses.Close()
	for _, c := range []struct {
		off  time.Duration
		slug string
	}{{time.Hour, "clock-skew"}, {-time.Hour, "clock-skew"}, {5 * time.Minute, "store-denied"}, {0, "store-denied"}} {
		cfg := Config{Endpoint: refuses.URL, AccessKey: "a", SecretKey: "abcdefgh", Bucket: "reweave", Region: "us-east-1"}
		core, err := cfg.clientAt("REWEAVE_S3_ENDPOINT", cfg.Endpoint, func() time.Time { return time.Now().Add(c.off) })
		if err != nil {
			t.Fatal(err)
		}
		_, err = core.Client.StatObject(t.Context(), cfg.Bucket, "k", minio.StatObjectOptions{})
		f, ok := errors.AsType[*fault.Error](classify(t.Context(), "stat", "k", err))
		if !ok || f.Type != c.slug || (f.Type == "clock-skew") != strings.Contains(f.Error(), "by the object store's") {
			t.Errorf("a clock %s off: %v (%+v)", c.off, err, f)
		}
		if ok && (f.Class == fault.Retry) != (c.slug == "clock-skew") {
			t.Errorf("a clock %s off is of class %v", c.off, f.Class)
		}
	}
}
