package storetest

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// request does what a browser would: it has no credentials.
func request(t *testing.T, method, url string, body []byte, header map[string]string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, got
}

func presignGet(t *testing.T, s Objects) {
	Put(t, s, "presign/get", []byte("0123456789"))
	url, err := s.PresignGet(t.Context(), "presign/get", "Übung 1.mp4", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	resp, got := request(t, http.MethodGet, url, nil, nil)
	if resp.StatusCode != http.StatusOK || string(got) != "0123456789" {
		t.Errorf("got %s %q", resp.Status, got)
	}
	if d := resp.Header.Get("Content-Disposition"); !strings.Contains(d, "attachment") || !strings.Contains(d, "%C3%9Cbung%201.mp4") {
		t.Errorf("offered as %q", d)
	}
	resp, got = request(t, http.MethodGet, url, nil, map[string]string{"Range": "bytes=2-4"})
	if resp.StatusCode != http.StatusPartialContent || string(got) != "234" {
		t.Errorf("the range is %s %q", resp.Status, got)
	}
	if resp, _ := request(t, http.MethodPut, url, []byte("x"), nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a URL to read took a PUT: %s", resp.Status)
	}
}

func presignPut(t *testing.T, s Objects) {
	url, err := s.PresignPut(t.Context(), "presign/put", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	content := Content(5 << 20)
	resp, _ := request(t, http.MethodPut, url, content, map[string]string{"Origin": "http://127.0.0.1:8080"})
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("put: %s", resp.Status)
	}
	Want(t, s, "presign/put", content)
}

// presignShort is a browser that goes away in mid-upload. Its PUT carries neither a
// signed body nor a checksum, so only its length tells.
func presignShort(t *testing.T, s Objects) {
	Put(t, s, "browser/old", []byte("old"))
	for _, key := range []string{"browser/old", "browser/new"} {
		url, err := s.PresignPut(t.Context(), key, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		body := &brokenReader{bytes.NewReader(Content(3 << 20)), func() error { return errSource }}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, body)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = 8 << 20
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			t.Errorf("a torn PUT was answered %s", resp.Status)
		}
	}
	// The server may hear of the end only later than the client.
	Put(t, s, "browser/after", []byte("after"))
	Want(t, s, "browser/old", []byte("old"))
	if got := listed(t, s, "browser/"); !slices.Equal(got, []string{"browser/after", "browser/old"}) {
		t.Errorf("a torn upload is visible: %v", got)
	}
}

func presignParts(t *testing.T, s Objects) {
	ctx := t.Context()
	id, err := s.CreateMultipart(ctx, "presign/parts")
	if err != nil {
		t.Fatal(err)
	}
	content := Content(13 << 20)
	var etags []string
	for n, part := range [][]byte{content[:5<<20], content[5<<20 : 10<<20], content[10<<20:]} {
		url, err := s.PresignPart(ctx, "presign/parts", id, n+1, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		resp, _ := request(t, http.MethodPut, url, part, nil)
		etags = append(etags, resp.Header.Get("ETag"))
	}
	if err := s.CompleteMultipart(ctx, "presign/parts", id, etags); err != nil {
		t.Fatal(err)
	}
	Want(t, s, "presign/parts", content)

	if id, err = s.CreateMultipart(ctx, "presign/aborted"); err != nil {
		t.Fatal(err)
	}
	if err := s.CompleteMultipart(ctx, "presign/aborted", id, []string{"00000000000000000000000000000000"}); err == nil {
		t.Error("an upload without its parts was completed")
	}
	if err := s.AbortMultipart(ctx, "presign/aborted", id); err != nil {
		t.Error(err)
	}
	if err := s.AbortMultipart(ctx, "presign/aborted", id); err != nil {
		t.Errorf("abort what is aborted: %v", err)
	}
}

func presignWrong(t *testing.T, s Objects) {
	Put(t, s, "presign/secret", []byte("secret"))
	url, err := s.PresignGet(t.Context(), "presign/get", "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(url, "presign/get", "presign/secret", 1)
	if resp, got := request(t, http.MethodGet, other, nil, nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("the URL of one object opened another: %s %q", resp.Status, got)
	}
	for _, n := range []int{0, 10_001} {
		if _, err := s.PresignPart(t.Context(), "presign/parts", "id", n, time.Minute); err == nil {
			t.Errorf("part %d was presigned", n)
		}
	}
}
