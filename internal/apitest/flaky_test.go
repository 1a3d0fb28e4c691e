package apitest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/services/api"
)

var errCut = errors.New("cable cut")

// flaky is a network that fails each request once: those that send media half-way,
// the others after the server has done its work.
type flaky struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (f *flaky) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	name := r.Method + r.URL.String()
	first := !f.seen[name]
	f.seen[name] = true
	f.mu.Unlock()
	if first && r.Method == http.MethodPut {
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		_ = r.Body.Close()
		return nil, errCut
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if first && err == nil {
		_ = res.Body.Close()
		return nil, errCut
	}
	return res, err
}

func TestClientOnAFlakyNetwork(t *testing.T) {
	f := start(t, api.Config{})
	c := client.New(f.url, &http.Client{Transport: &flaky{seen: map[string]bool{}}})
	data := noise(66 << 20)
	var last int64
	source, err := c.Upload(t.Context(), "a.mov", bytes.NewReader(data), int64(len(data)), func(n int64) { last = n })
	if err != nil {
		t.Fatal(err)
	}
	if last != int64(len(data)) {
		t.Errorf("told of %d bytes of %d", last, len(data))
	}
	id, _ := job.Spec{Source: source}.UploadID()
	if digest(f.content("uploads/"+id+"/a.mov")) != digest(data) {
		t.Error("other bytes were stored than were sent")
	}
	j, err := c.Submit(t.Context(), job.Spec{Source: source}, "key")
	if err != nil {
		t.Fatal(err)
	}
	if all, err := c.Jobs(t.Context(), "", 0); err != nil || len(all) != 1 || all[0].ID != j.ID {
		t.Errorf("jobs %v, %v: want the one", all, err)
	}
	if got, err := c.Cancel(t.Context(), j.ID); err != nil || got.State != job.Cancelled {
		t.Errorf("cancel: %+v, %v", got, err)
	}
	if _, err := c.Submit(t.Context(), job.Spec{Source: source, Name: "b"}, ""); err != nil {
		t.Errorf("a path that was asked for before: %v", err)
	}
	once := client.New(f.url, &http.Client{Transport: &flaky{seen: map[string]bool{}}})
	if _, err := once.Submit(t.Context(), job.Spec{Source: source}, ""); !errors.Is(err, errCut) {
		t.Errorf("without a key: %v, want the error and no second job", err)
	}
}
