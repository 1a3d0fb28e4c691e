// Package store holds the contract of the object store in which all media lies,
// and the names of what lies there. The one implementation is package s3store.
//
//	segments/<job>/<digest>      coded source packets; deleted when their chunk is done
//	chunks/<2 hex>/<key>         encoded chunks; kept: this is the cache
//	jobs/<job>/plan.json         the plan
//	jobs/<job>/<attempt>/<name>  the deliverable and its manifest
//	manifests/<sha256>.json      the same manifest, by the digest of the deliverable
//	pins/<sha256>                says that a deliverable keeps its chunks
//	uploads/<id>/<name>          what users sent, where there are no tenants
//	tenants/<tenant>/uploads/<id>/<name>  what a tenant sent
package store

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"time"
)

// ErrNotFound says that no object has the key.
var ErrNotFound = errors.New("object not found")

// Info tells of an object.
type Info struct {
	Key      string
	Size     int64
	Modified time.Time
	// Meta is the user metadata, with lower-case names.
	Meta map[string]string
}

// Store keeps objects under keys. All methods are safe for concurrent use, honour
// the context, and may be called again after a failure: a Put is whole or absent,
// a second Put of a key replaces the first, Delete of an absent key is no error.
type Store interface {
	// Put stores size bytes of r under key; size -1 means "until EOF". Where r is an
	// io.Seeker, a passing failure is tried again from where r stood.
	Put(ctx context.Context, key string, r io.Reader, size int64, meta map[string]string) error
	// Get opens an object; the caller closes it. ErrNotFound when there is none.
	Get(ctx context.Context, key string) (io.ReadCloser, Info, error)
	// GetRange opens length bytes from off; length -1 means "to the end".
	GetRange(ctx context.Context, key string, off, length int64) (io.ReadCloser, error)
	// Stat tells of an object without opening it. ErrNotFound when there is none.
	Stat(ctx context.Context, key string) (Info, error)
	// Delete removes objects.
	Delete(ctx context.Context, keys ...string) error
	// List yields the objects whose key begins with prefix, in the order of keys.
	// Meta is not filled in.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}

// Presigner makes URLs by which a client without credentials reaches one object.
type Presigner interface {
	// PresignGet returns a URL to read key, offered to browsers under filename.
	PresignGet(ctx context.Context, key, filename string, ttl time.Duration) (string, error)
	// PresignPut returns a URL to write key with one PUT.
	PresignPut(ctx context.Context, key string, ttl time.Duration) (string, error)
	// CreateMultipart begins an upload in parts and returns its id.
	CreateMultipart(ctx context.Context, key string) (string, error)
	// PresignPart returns a URL to write part number n (1 to 10,000).
	PresignPart(ctx context.Context, key, uploadID string, n int, ttl time.Duration) (string, error)
	// CompleteMultipart joins the parts, whose ETags are given in order from part 1.
	CompleteMultipart(ctx context.Context, key, uploadID string, etags []string) error
	// AbortMultipart drops an upload and its parts.
	AbortMultipart(ctx context.Context, key, uploadID string) error
}

// Keys of what lies in the store.

// SegmentKey is where a job's segment with this digest lies.
func SegmentKey(job, digest string) string { return "segments/" + job + "/" + digest }

// ChunkKey is where the chunk with this key lies.
func ChunkKey(key string) string { return "chunks/" + key[:2] + "/" + key }

// JobKey is what the keys of all that is kept for a job begin with.
func JobKey(job string) string { return "jobs/" + job + "/" }

// PlanKey is where a job's plan lies.
func PlanKey(job string) string { return JobKey(job) + "plan.json" }

// OutputKey is where an attempt at a job's deliverable or manifest lies.
func OutputKey(job, attempt, name string) string { return JobKey(job) + attempt + "/" + name }

// UploadKey is where an upload of a tenant lies, "" for the one of a server that asks
// nobody who they are.
func UploadKey(tenant, id, name string) string {
	key := "uploads/" + id + "/" + name
	if tenant != "" {
		key = "tenants/" + tenant + "/" + key
	}
	return key
}

// ManifestKey is where the manifest of the deliverable with this digest lies, for a tenant
// as in [UploadKey].
func ManifestKey(tenant, sha256 string) string {
	key := "manifests/" + sha256 + ".json"
	if tenant != "" {
		key = "tenants/" + tenant + "/" + key
	}
	return key
}

// SourceKey is where it lies what that deliverable was made from: a note of package job.
func SourceKey(tenant, sha256 string) string {
	return strings.TrimSuffix(ManifestKey(tenant, sha256), ".json") + ".source"
}

// ParseManifestKey takes a [ManifestKey] apart.
func ParseManifestKey(key string) (tenant, sha256 string, ok bool) {
	rest := key
	if t, in := strings.CutPrefix(key, "tenants/"); in {
		tenant, rest, _ = strings.Cut(t, "/")
	}
	sha256, ok = strings.CutPrefix(strings.TrimSuffix(rest, ".json"), "manifests/")
	return tenant, sha256, ok && ManifestKey(tenant, sha256) == key
}

// PinKey is where it lies that a deliverable is pinned, by its digest.
func PinKey(sha256 string) string { return "pins/" + sha256 }
