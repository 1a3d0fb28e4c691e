package storetest_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/internal/storetest"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/store"
	"github.com/reweave/reweave/pkg/store/s3store"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func startStack(t *testing.T) *embed.Stack {
	t.Helper()
	s, err := embed.Start(t.Context(), embed.Options{Dir: t.TempDir(), Log: testenv.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, cfg s3store.Config) *s3store.Store {
	t.Helper()
	s, err := s3store.Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEmbeddedS3(t *testing.T) {
	storetest.Run(t, connect(t, startStack(t).S3()))
}

func TestAPrefixKeepsToItself(t *testing.T) {
	cfg := startStack(t).S3()
	all := connect(t, cfg)
	cfg.Prefix = "team-a/"
	ours := connect(t, cfg)
	storetest.Put(t, all, "chunks/b", []byte("theirs"))
	storetest.Put(t, ours, "chunks/b", []byte("ours"))
	storetest.Put(t, ours, "chunks/c", []byte("ours too"))
	storetest.Want(t, all, "team-a/chunks/b", []byte("ours"))
	var keys []string
	for i, err := range ours.List(t.Context(), "chunks/") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, i.Key)
	}
	if !slices.Equal(keys, []string{"chunks/b", "chunks/c"}) {
		t.Errorf("under the prefix are %v", keys)
	}
	if err := ours.Delete(t.Context(), keys...); err != nil {
		t.Fatal(err)
	}
	storetest.Want(t, all, "chunks/b", []byte("theirs"))
	if _, err := all.Stat(t.Context(), "team-a/chunks/b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a deleted object: %v", err)
	}
}
