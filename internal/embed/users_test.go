package embed_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/store/s3store"
)

func keysOf(services ...string) []embed.User {
	var users []embed.User
	for _, s := range services {
		users = append(users, embed.User{Service: s, AccessKey: "key-" + s, SecretKey: "secret-of-" + s})
	}
	return users
}

// as opens the store with the key of a service.
func as(t *testing.T, s *embed.Stack, service string) *s3store.Store {
	t.Helper()
	cfg := s.S3()
	cfg.AccessKey, cfg.SecretKey = "key-"+service, "secret-of-"+service
	st, err := s3store.Connect(t.Context(), cfg)
	if err != nil {
		t.Fatalf("%s: %v", service, err)
	}
	if err := st.Check(t.Context()); err != nil {
		t.Errorf("%s: %v", service, err)
	}
	return st
}

// object is one of each kind that lies in the store.
var objects = map[string]string{
	"source": "tenants/b/uploads/01J/film.mkv", "upload": "uploads/01J/film.mkv", "segment": "segments/j/d", "chunk": "chunks/ab/abc",
	"plan": "jobs/j/plan.json", "deliverable": "jobs/j/a1/film.mp4", "stray": "other/x", "manifest": "manifests/d.json", "tenant's": "tenants/b/manifests/d.json",
}

// may is what the key of each service can do with each kind: g get, p put, d delete, l list.
var may = map[string]map[string]string{
	"api":      {"source": "gpdl", "upload": "gpdl", "plan": "g", "deliverable": "g", "manifest": "g", "tenant's": "gl"},
	"splitter": {"source": "gl", "upload": "gl", "segment": "gpdl", "chunk": "g", "plan": "pdl", "deliverable": "dl", "manifest": "g", "tenant's": "gl"},
	"encoder":  {"segment": "gdl", "chunk": "gp", "plan": "l", "deliverable": "l"},
	"muxer":    {"segment": "gdl", "chunk": "gd", "plan": "gpdl", "deliverable": "gpdl", "manifest": "p", "tenant's": "p"},
}

// The server holds the key of each service to its policy, for every kind of object.
func TestKeysDoNoMoreThanTheirService(t *testing.T) {
	services := []string{"api", "splitter", "encoder", "muxer"}
	s := start(t, embed.Options{Dir: t.TempDir(), S3Users: keysOf(services...)})
	root := connect(t, s)
	for _, service := range services {
		st := as(t, s, service)
		for kind, key := range objects {
			put(t, root, key, "content")
			for _, op := range []struct {
				short string
				do    func() error
			}{
				{"g", func() error { return get(t, st, key) }},
				{"l", func() error { return list(t, st, key[:strings.LastIndex(key, "/")+1]) }},
				{"p", func() error { return st.Put(t.Context(), key, strings.NewReader("other"), 5, nil) }},
				{"d", func() error { return st.Delete(t.Context(), key) }},
			} {
				err := op.do()
				if want := strings.Contains(may[service][kind], op.short); (err == nil) != want || err != nil && !denied(err) {
					t.Errorf("%s, %s of a %s: allowed is %t, and it says %v", service, op.short, kind, want, err)
				}
			}
		}
		if err := list(t, st, ""); !denied(err) {
			t.Errorf("%s lists everything: %v", service, err)
		}
	}
}

// A key of a service can't raise itself: not by a policy of its own, not by the server's
// administration, and not in another bucket.
func TestKeysCanNotBeRaised(t *testing.T) {
	s := start(t, embed.Options{Dir: t.TempDir(), S3Users: keysOf("encoder")})
	put(t, connect(t, s), "jobs/j/plan.json", "content")
	core, err := minio.NewCore(strings.TrimPrefix(s.S3().Endpoint, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4("key-encoder", "secret-of-encoder", ""), Region: "us-east-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	all := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::reweave","arn:aws:s3:::reweave/*"]}]}`
	for what, err := range map[string]error{
		"writes a policy":  core.SetBucketPolicy(t.Context(), "reweave", all),
		"makes a bucket":   core.MakeBucket(t.Context(), "mine", minio.MakeBucketOptions{}),
		"drops the bucket": core.RemoveBucket(t.Context(), "reweave"),
	} {
		if minio.ToErrorResponse(err).StatusCode != 403 {
			t.Errorf("the encoder %s: %v", what, err)
		}
	}
	if err := get(t, as(t, s, "encoder"), "jobs/j/plan.json"); !denied(err) {
		t.Errorf("behind all that the encoder reads a plan: %v", err)
	}
	src := minio.CopySrcOptions{Bucket: "reweave", Object: "jobs/j/plan.json"}
	if _, err := core.Client.CopyObject(t.Context(), minio.CopyDestOptions{Bucket: "reweave", Object: "chunks/ab/c"}, src); minio.ToErrorResponse(err).StatusCode != 403 {
		t.Errorf("the encoder copies a plan to where it may read: %v", err)
	}
}

// A wrong key is told as such, also where its owner has few rights.
func TestWrongKeys(t *testing.T) {
	s := start(t, embed.Options{Dir: t.TempDir(), S3Users: keysOf("encoder")})
	for _, c := range [][2]string{{"key-encoder", "wrong"}, {"key-muxer", "secret-of-muxer"}} {
		cfg := s.S3()
		cfg.AccessKey, cfg.SecretKey = c[0], c[1]
		_, err := s3store.Connect(t.Context(), cfg)
		if !denied(err) || strings.Contains(err.Error(), c[1]) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func denied(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Type == "store-denied" && f.Class == fault.Permanent
}

func get(t *testing.T, st *s3store.Store, key string) error {
	t.Helper()
	r, _, err := st.Get(t.Context(), key)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

func list(t *testing.T, st *s3store.Store, prefix string) error {
	t.Helper()
	for _, err := range st.List(t.Context(), prefix) {
		return err
	}
	return nil
}
