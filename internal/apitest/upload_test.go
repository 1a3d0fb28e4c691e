package apitest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/services/api"
)

// noise returns n bytes that differ from part to part.
func noise(n int) []byte {
	b := make([]byte, 0, n+sha256.Size)
	for sum := sha256.Sum256(nil); len(b) < n; sum = sha256.Sum256(sum[:]) {
		b = append(b, sum[:]...)
	}
	return b[:n]
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// stored returns the keys under a prefix.
func (f *fixture) stored(prefix string) (keys []string) {
	f.t.Helper()
	for info, err := range f.Store.List(f.t.Context(), prefix) {
		if err != nil {
			f.t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

func (f *fixture) content(key string) []byte {
	f.t.Helper()
	r, _, err := f.Store.Get(f.t.Context(), key)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(r)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func TestUpload(t *testing.T) {
	for name, size := range map[string]int{"one byte": 1, "single": 3 << 20, "multipart": 65 << 20} {
		t.Run(name, func(t *testing.T) {
			f := start(t, api.Config{})
			data := noise(size)
			var last atomic.Int64
			source, err := f.client.Upload(t.Context(), `C:\films\The Film?.mov`, bytes.NewReader(data), int64(size), last.Store)
			if err != nil {
				t.Fatal(err)
			}
			id, ok := job.Spec{Source: source}.UploadID()
			if !ok || last.Load() != int64(size) {
				t.Errorf("source %q, %d of %d bytes told", source, last.Load(), size)
			}
			keys := f.stored("uploads/")
			if len(keys) != 1 || keys[0] != "uploads/"+id+"/The_Film_.mov" {
				t.Fatalf("stored %v", keys)
			}
			if digest(f.content(keys[0])) != digest(data) {
				t.Error("other bytes were stored than were sent")
			}
			j, err := f.client.Submit(t.Context(), job.Spec{Source: source}, "")
			if err != nil || j.Spec.Name != "The_Film_.mov" {
				t.Errorf("submit: %+v, %v", j.Spec, err)
			}
		})
	}
}

type plan struct {
	ID, Source, Method, URL string
	PartSize                int64  `json:"part_size"`
	CompleteURL             string `json:"complete_url"`
	AbortURL                string `json:"abort_url"`
	Parts                   []struct {
		Number int
		URL    string
	}
}

func (f *fixture) begin(body string) (p plan) {
	f.t.Helper()
	res, b := f.do(http.MethodPost, "/v1/uploads", body)
	if err := json.Unmarshal(b, &p); err != nil || res.StatusCode != http.StatusCreated {
		f.t.Fatalf("%s %s", res.Status, b)
	}
	return p
}

func TestUploadPlans(t *testing.T) {
	f := start(t, api.Config{})
	for _, c := range []struct {
		size, method string
		parts        int
		partSize     int64
	}{
		{"67108864", "single", 0, 0},
		{"67108865", "multipart", 5, 16 << 20},
		{"5497558138880", "multipart", 1311, 4096 << 20},
	} {
		p := f.begin(`{"name":"a","size":` + c.size + `}`)
		if c.partSize == 4096<<20 { // about a thousand, whatever the rounding
			if len(p.Parts) < 1000 || len(p.Parts) > 1400 || p.PartSize > 5<<30 {
				t.Errorf("%s bytes: %d parts of %d", c.size, len(p.Parts), p.PartSize)
			}
			continue
		}
		if p.Method != c.method || len(p.Parts) != c.parts || p.PartSize != c.partSize {
			t.Errorf("%s bytes: %s in %d parts of %d", c.size, p.Method, len(p.Parts), p.PartSize)
		}
	}
}

func TestCompleteMayBeRepeatedAndChecksTheSize(t *testing.T) {
	f := start(t, api.Config{})
	p := f.begin(`{"name":"a.mov","size":5}`)
	f.refused(404, "no-such-upload", http.MethodPost, p.CompleteURL, "")
	send := func(content string) {
		if res, b := f.do(http.MethodPut, p.URL, content); res.StatusCode != http.StatusOK {
			t.Fatalf("put: %s %s", res.Status, b)
		}
	}
	send("1234")
	f.refused(422, "upload-incomplete", http.MethodPost, p.CompleteURL, "")
	send("12345")
	for range 2 {
		if res, b := f.do(http.MethodPost, p.CompleteURL, ""); res.StatusCode != http.StatusOK || !strings.Contains(string(b), p.Source) {
			t.Errorf("complete: %s %s", res.Status, b)
		}
	}
	// A URL that was tampered with stays below the upload's own id.
	u := "/v1/uploads/" + p.ID + "/complete?name=" + url.QueryEscape("../../jobs/x")
	f.refused(404, "no-such-upload", http.MethodPost, u, "")
	if res, _ := f.do(http.MethodDelete, p.AbortURL, ""); res.StatusCode != http.StatusNoContent {
		t.Errorf("delete: %s", res.Status)
	}
	if keys := f.stored("uploads/"); len(keys) != 0 {
		t.Errorf("left behind %v", keys)
	}
}

func TestMultipartWantsItsETags(t *testing.T) {
	f := start(t, api.Config{})
	p := f.begin(`{"name":"a.mov","size":70000000}`)
	f.refused(422, "missing-etags", http.MethodPost, p.CompleteURL, "{}")
	for range 2 {
		if res, b := f.do(http.MethodDelete, p.AbortURL, ""); res.StatusCode != http.StatusNoContent {
			t.Errorf("delete: %s %s", res.Status, b)
		}
	}
}

// faulty fails to be read behind some offset.
type faulty struct{ *bytes.Reader }

var errDisk = errors.New("disk on fire")

func (r faulty) ReadAt(b []byte, off int64) (int, error) {
	if off > 40<<20 {
		return 0, errDisk
	}
	return r.Reader.ReadAt(b, off)
}

func TestUploadOfAnUnreadableFileLeavesNothing(t *testing.T) {
	f := start(t, api.Config{})
	data := noise(66 << 20)
	_, err := f.client.Upload(t.Context(), "a.mov", faulty{bytes.NewReader(data)}, int64(len(data)), nil)
	if !errors.Is(err, errDisk) || fault.Of(err) != fault.User {
		t.Errorf("got %v, want the file's own error", err)
	}
	if keys := f.stored("uploads/"); len(keys) != 0 {
		t.Errorf("left behind %v", keys)
	}
}
