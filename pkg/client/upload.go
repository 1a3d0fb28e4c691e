package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/reweave/reweave/pkg/fault"
)

// parallel is how many parts of a file are sent at once.
const parallel = 4

type uploadPart struct {
	Number int    `json:"number"`
	URL    string `json:"url"`
}

// upload is where the API wants a file sent.
type upload struct {
	Source      string       `json:"source"`
	Method      string       `json:"method"`
	URL         string       `json:"url"`
	PartSize    int64        `json:"part_size"`
	Parts       []uploadPart `json:"parts"`
	CompleteURL string       `json:"complete_url"`
	AbortURL    string       `json:"abort_url"`
}

// Upload sends size bytes of r and returns the source to submit a job with. Large
// files go in parts, several at once, each sent again when it fails. progress, unless
// nil, is told the number of bytes sent so far, one call at a time; the number goes
// back when a part is sent again. What was sent of a failed upload is dropped.
func (c *Client) Upload(ctx context.Context, name string, r io.ReaderAt, size int64, progress func(sent int64)) (source string, err error) {
	var up upload
	ask := map[string]any{"name": name, "size": size}
	if err := c.call(ctx, request{method: http.MethodPost, path: "/v1/uploads", body: ask}, &up); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			c.abort(ctx, up)
		}
	}()
	if up.Method == "single" {
		up.Parts, up.PartSize = []uploadPart{{Number: 1, URL: up.URL}}, size
	}
	etags, err := c.sendParts(ctx, up, r, size, &meter{tell: progress})
	if err != nil {
		return "", err
	}
	done := map[string]any{}
	if up.Method != "single" {
		done["etags"] = etags
	}
	return up.Source, c.call(ctx, request{method: http.MethodPost, path: up.CompleteURL, body: done}, nil)
}

// abort drops an upload, also when ctx has ended. It may fail: the store sweeps what
// is left of uploads that nobody finished.
func (c *Client) abort(ctx context.Context, up upload) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if res, err := c.send(ctx, request{method: http.MethodDelete, path: up.AbortURL}); err == nil {
		closeBody(res)
	}
}

// sendParts sends all parts and returns their ETags in order. The first failure ends
// the others.
func (c *Client) sendParts(ctx context.Context, up upload, r io.ReaderAt, size int64, m *meter) ([]string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	etags := make([]string, len(up.Parts))
	slots := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for i, p := range up.Parts {
		select {
		case <-ctx.Done():
		case slots <- struct{}{}:
		}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			off := int64(i) * up.PartSize
			section := io.NewSectionReader(r, off, min(up.PartSize, size-off))
			etag, err := c.sendPart(ctx, p, section, m)
			if err != nil {
				cancel(err)
			}
			etags[i] = etag
		})
	}
	wg.Wait()
	return etags, context.Cause(ctx)
}

func (c *Client) sendPart(ctx context.Context, p uploadPart, section *io.SectionReader, m *meter) (etag string, err error) {
	err = retry(ctx, func() error {
		body := &metered{r: io.NewSectionReader(section, 0, section.Size()), m: m}
		etag, err = c.put(ctx, p.URL, body, section.Size())
		if err != nil {
			m.add(-body.sent)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("send part %d: %w", p.Number, err)
	}
	return etag, nil
}

func (c *Client) put(ctx context.Context, url string, body *metered, size int64) (string, error) {
	// NopCloser and the lock in metered: the transport may still read a body after
	// Do has returned.
	defer body.stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, io.NopCloser(body))
	if err != nil {
		return "", fmt.Errorf("make the request: %w", err)
	}
	req.ContentLength = size
	res, err := c.http.Do(req)
	if bad := body.failure(); bad != nil {
		return "", final{&fault.Error{Class: fault.User, Type: "unreadable-source", Title: "the source can't be read", Err: bad}}
	}
	if err != nil {
		return "", &fault.Error{Class: fault.Retry, Type: "store-unreachable", Title: "the store does not answer", Err: withoutURL(err)}
	}
	defer closeBody(res)
	if res.StatusCode != http.StatusOK {
		return "", problemOf(res)
	}
	return res.Header.Get("ETag"), nil
}
