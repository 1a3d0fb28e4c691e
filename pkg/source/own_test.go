package source_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/source"
	"github.com/reweave/reweave/pkg/store"
)

// buckets is a store that reaches every bucket, as the real one does.
type buckets struct{ store.Store }

func (buckets) Bucket() string { return "reweave" }
func (buckets) GetFrom(context.Context, string, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("YUV4MPEG2 ")), nil
}

// In Reweave's own bucket lies what all tenants sent, and its credentials open it.
func TestTenantsDoNotReachTheOwnBucket(t *testing.T) {
	o := &source.Opener{Store: buckets{}}
	open := func(tenant, src string) error {
		s, err := o.Open(t.Context(), job.Job{Tenant: tenant, Spec: job.Spec{Source: src}}, t.TempDir())
		if err == nil {
			s.Close()
		}
		return err
	}
	err := open("a", "s3://reweave/tenants/b/uploads/01J/film.mkv")
	if e, ok := errors.AsType[*fault.Error](err); !ok || e.Type != "forbidden-source" {
		t.Errorf("got %v", err)
	}
	for _, around := range []string{
		"s3://films/../reweave/tenants/b/uploads/01J/film.mkv", "s3://films/./../reweave/tenants/b/uploads/01J/film.mkv", "s3://films/..",
		"s3://../reweave/tenants/b/uploads/01J/film.mkv", "s3://./reweave/tenants/b/uploads/01J/film.mkv", "s3://REWEAVE/tenants/b/uploads/01J/film.mkv",
		"S3://reweave/tenants/b/uploads/01J/film.mkv", "s3://reweave:80/tenants/b/uploads/01J/film.mkv", "s3:reweave/tenants/b/uploads/01J/film.mkv", "s3://reweave",
	} {
		err := open("a", around)
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Type != "invalid-source" {
			t.Errorf("%s: %v", around, err)
		}
		spec := job.Spec{Source: around}.WithDefaults()
		if spec.Validate(map[string][]string{"libx264": {"medium"}}) == nil {
			t.Errorf("%s is taken", around)
		}
	}
	if err := open("a", "s3://films/..a/.b/c..mov"); err != nil {
		t.Errorf("dots in names: %v", err)
	}
	if err := open("a", "s3://films/a.mov"); err != nil {
		t.Errorf("another bucket: %v", err)
	}
	if err := open("", "s3://reweave/uploads/01J/film.mkv"); err != nil {
		t.Errorf("where there are no tenants: %v", err)
	}
}
