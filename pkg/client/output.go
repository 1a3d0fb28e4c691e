package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

// Output writes the deliverable of a job that is done to out, and returns when its
// length and digest were found right. A transfer that breaks goes on where it broke;
// where the store can't be reached, the bytes come through the API. After an error,
// out may hold a part of the deliverable.
func (c *Client) Output(ctx context.Context, id string, out io.Writer) error {
	j, err := c.Job(ctx, id)
	if err != nil {
		return err
	}
	d := &download{client: c, id: id, out: out, sum: sha256.New(), want: j.Output}
	failures := 0
	for d.want == nil || d.got < d.want.Bytes {
		before := d.got
		err := d.fetch(ctx)
		if f, ok := errors.AsType[final](err); ok {
			return f.error
		}
		if ctx.Err() != nil {
			return fmt.Errorf("fetch output of job %s: %w", id, ctx.Err())
		}
		if d.got > before {
			failures = 0
		}
		if err == nil {
			continue
		}
		if failures++; failures == attempts {
			return err
		}
		d.direct = !d.direct
		if wait(ctx, failures) != nil {
			return fmt.Errorf("fetch output of job %s: %w", id, ctx.Err())
		}
	}
	return d.verify()
}

// download is a deliverable on its way.
type download struct {
	client *Client
	id     string
	out    io.Writer
	sum    hash.Hash
	want   *job.Output // nil when the job has none; the API then says why
	got    int64
	direct bool // through the API, not from the store
}

// fetch asks for the rest and writes what comes.
func (d *download) fetch(ctx context.Context) error {
	r := request{method: http.MethodGet, path: jobPath(d.id, "/output"), header: http.Header{"Accept-Encoding": {"identity"}}}
	if d.direct {
		r.path += "?direct=1"
	}
	if d.got > 0 {
		r.header.Set("Range", fmt.Sprintf("bytes=%d-", d.got))
	}
	res, err := d.client.send(ctx, r)
	if err != nil {
		// What the API refuses it refuses again; what the store refuses it may not.
		if e, ok := errors.AsType[*fault.Error](err); ok && e.Class == fault.User && e.Type != "http" {
			return final{err}
		}
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if d.want == nil {
		return final{fmt.Errorf("fetch output of job %s: the job tells of no output", d.id)}
	}
	if err := d.align(res); err != nil {
		return err
	}
	n, err := io.Copy(io.MultiWriter(sink{d.out}, d.sum), io.LimitReader(res.Body, d.want.Bytes-d.got))
	d.got += n
	switch {
	case err != nil:
		return err
	case d.got < d.want.Bytes:
		return d.client.unreachable(io.ErrUnexpectedEOF)
	}
	return nil
}

// align makes the answer begin where out ends.
func (d *download) align(res *http.Response) error {
	if res.StatusCode == http.StatusPartialContent {
		var first int64
		if _, err := fmt.Sscanf(res.Header.Get("Content-Range"), "bytes %d-", &first); err != nil || first != d.got {
			return fmt.Errorf("fetch output of job %s: asked for bytes from %d, got %q", d.id, d.got, res.Header.Get("Content-Range"))
		}
		return nil
	}
	if _, err := io.CopyN(io.Discard, res.Body, d.got); err != nil {
		return fmt.Errorf("skip what is there already: %w", err)
	}
	return nil
}

func (d *download) verify() error {
	if sum := hex.EncodeToString(d.sum.Sum(nil)); sum != d.want.SHA256 {
		return &fault.Error{
			Class: fault.Retry, Type: "output-damaged", Where: "output of job " + d.id,
			Title: "the bytes that came have another digest than the deliverable", Hint: "fetch it again",
		}
	}
	return nil
}

// sink marks the errors of what is written to, which no other transfer would mend.
type sink struct{ io.Writer }

// Write writes.
func (s sink) Write(b []byte) (int, error) {
	n, err := s.Writer.Write(b)
	if err != nil {
		return n, final{fmt.Errorf("write output: %w", err)}
	}
	return n, nil
}
