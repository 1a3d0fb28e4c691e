// Package s3store keeps objects in a bucket of an S3 server: that of a cloud, one
// in the cluster, or the one that package embed runs.
//
// Every upload carries a CRC32C behind its body, which the server checks before
// it publishes the object, so an object is whole or absent. Up to one part
// (16 MiB) an upload is a single PUT; what is larger, or of unknown and not small
// size, goes in parts, of which one is in memory at a time.
//
// A passing failure, such as a server that restarts, is tried again for about
// three seconds wherever what was sent can be sent again. What remains is a
// [fault.Error]: Retry for the network and for the server's own trouble,
// Permanent for refused credentials and a full disc. An absent object is
// [store.ErrNotFound].
package s3store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/store"
)

const (
	// attempts is how often a request is made before its failure is reported.
	attempts = 5
	// checkTimeout bounds Check.
	checkTimeout = 5 * time.Second
)

// Store is a bucket, or the keys of one that begin with a prefix. It implements
// [store.Store] and [store.Presigner].
type Store struct {
	core   *minio.Core
	public *minio.Core
	bucket string
	prefix string
	region string
}

var (
	_ store.Store     = (*Store)(nil)
	_ store.Presigner = (*Store)(nil)
)

// Connect opens the store, creating its bucket when there is none. While the
// server can't be reached or is in trouble it tries again until ctx ends; it then
// reports the last failure. Wrong settings and refused credentials are reported
// at once.
func Connect(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	core, err := cfg.client("REWEAVE_S3_ENDPOINT", cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	public, err := cfg.client("REWEAVE_S3_PUBLIC_ENDPOINT", cfg.PublicEndpoint)
	if err != nil {
		return nil, err
	}
	s := &Store{core: core, public: public, bucket: cfg.Bucket, prefix: cfg.Prefix, region: cfg.Region}
	var last error
	for n := 0; ; n++ {
		err := s.ensureBucket(ctx)
		if err == nil {
			return s, nil
		}
		if ctx.Err() == nil || last == nil { // else it says no more than that ctx ended
			last = fmt.Errorf("connect to the object store at %s: %w", cfg.Endpoint, err)
		}
		if fault.Of(last) != fault.Retry || wait(ctx, n) != nil {
			return nil, last
		}
	}
}

func (s *Store) ensureBucket(ctx context.Context) error {
	there, err := s.exists(ctx)
	if err == nil && !there {
		err = s.core.MakeBucket(ctx, s.bucket, minio.MakeBucketOptions{Region: s.region})
		switch minio.ToErrorResponse(err).Code {
		case "BucketAlreadyOwnedByYou", "BucketAlreadyExists": // another service was faster
			err = nil
		}
	}
	return classify(ctx, "find bucket of", s.bucket, err)
}

// mayList is a prefix that every service may list, and nothing lies under: the refusal of
// a listing says why, which that of a HEAD does not.
const mayList = ".check/"

// exists reports whether the bucket is there. A key with few rights may not ask for the
// bucket itself, but may list a part of it.
func (s *Store) exists(ctx context.Context) (bool, error) {
	there, err := s.core.BucketExists(ctx, s.bucket)
	if err == nil || minio.ToErrorResponse(err).StatusCode != http.StatusForbidden {
		return there, err
	}
	for o := range s.core.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix + mayList, MaxKeys: 1}) {
		if minio.ToErrorResponse(o.Err).Code == minio.NoSuchBucket {
			return false, nil
		}
		return o.Err == nil, o.Err
	}
	return true, nil
}

// Check reports whether the bucket can be reached, within five seconds.
func (s *Store) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	there, err := s.exists(ctx)
	if err != nil {
		return classify(ctx, "find bucket of", s.bucket, err)
	}
	if !there {
		return &fault.Error{
			Class: fault.Permanent, Type: "store-no-bucket", Where: "bucket " + s.bucket,
			Title: "the bucket is gone", Hint: "create it, or restart the service, which does",
		}
	}
	return nil
}

// wait pauses before try n+1: 100 ms doubled n times, at most 2 s, with jitter.
func wait(ctx context.Context, n int) error {
	pause := min(100*time.Millisecond<<min(n, 5), 2*time.Second)
	pause = pause/2 + rand.N(pause/2)
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
