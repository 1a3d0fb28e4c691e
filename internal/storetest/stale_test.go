package storetest_test

import (
	"testing"
	"time"

	"github.com/reweave/reweave/internal/storetest"
)

// TestStaleUploadsAreDropped leaves uploads in parts unfinished, one of another prefix.
func TestStaleUploadsAreDropped(t *testing.T) {
	cfg := startStack(t).S3()
	all := connect(t, cfg)
	cfg.Prefix = "team-a/"
	ours := connect(t, cfg)
	storetest.Put(t, ours, "chunks/whole", []byte("stays"))
	if _, err := all.CreateMultipart(t.Context(), "team-b/upload"); err != nil {
		t.Fatal(err)
	}
	id, err := ours.CreateMultipart(t.Context(), "uploads/a b/film.mkv")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := ours.AbortStale(t.Context(), time.Hour); n != 0 || err != nil {
		t.Errorf("dropped %d young uploads, %v", n, err)
	}
	if n, err := ours.AbortStale(t.Context(), -time.Hour); n != 1 || err != nil {
		t.Errorf("dropped %d uploads, %v; want one", n, err)
	}
	if err := ours.CompleteMultipart(t.Context(), "uploads/a b/film.mkv", id, []string{"x"}); err == nil {
		t.Error("the dropped upload is there")
	}
	if n, err := all.AbortStale(t.Context(), -time.Hour); n != 1 || err != nil {
		t.Errorf("dropped %d uploads of all, %v; want the other one", n, err)
	}
	storetest.Want(t, ours, "chunks/whole", []byte("stays"))
}
