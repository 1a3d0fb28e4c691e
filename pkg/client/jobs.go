package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
)

// Submit submits a job. With an idempotency key it may be repeated, here and by the
// caller, and makes one job; without one ("") a lost answer is an error.
func (c *Client) Submit(ctx context.Context, spec job.Spec, idempotencyKey string) (j job.Job, err error) {
	r := request{method: http.MethodPost, path: "/v1/jobs", body: spec, once: idempotencyKey == ""}
	if idempotencyKey != "" {
		r.header = http.Header{"Idempotency-Key": {idempotencyKey}}
	}
	return j, c.call(ctx, r, &j)
}

// Job returns a job.
func (c *Client) Job(ctx context.Context, id string) (j job.Job, err error) {
	return j, c.call(ctx, request{method: http.MethodGet, path: jobPath(id, "")}, &j)
}

// Jobs returns the newest jobs, at most limit of them (all for 0), of one state
// (any for "").
func (c *Client) Jobs(ctx context.Context, state job.State, limit int) ([]job.Job, error) {
	const page = 200
	var all []job.Job
	for cursor := ""; ; {
		want := page
		if limit > 0 {
			want = min(page, limit-len(all))
		}
		q := url.Values{"limit": {strconv.Itoa(want)}}
		if state != "" {
			q.Set("state", string(state))
		}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		var got struct {
			Jobs []job.Job `json:"jobs"`
			Next string    `json:"next"`
		}
		if err := c.call(ctx, request{method: http.MethodGet, path: "/v1/jobs?" + q.Encode()}, &got); err != nil {
			return nil, err
		}
		all, cursor = append(all, got.Jobs...), got.Next
		if cursor == "" || limit > 0 && len(all) >= limit {
			return all, nil
		}
	}
}

// Cancel cancels a job and returns it. To cancel a cancelled job is no error.
func (c *Client) Cancel(ctx context.Context, id string) (j job.Job, err error) {
	return j, c.call(ctx, request{method: http.MethodPost, path: jobPath(id, "/cancel")}, &j)
}

// Retry does a job once more that failed or was cancelled, and returns the new job. secret
// is that of its webhook, "" for none.
func (c *Client) Retry(ctx context.Context, id string, secret job.Secret) (j job.Job, err error) {
	r := request{method: http.MethodPost, path: jobPath(id, "/retry")}
	if secret != "" {
		r.body = map[string]job.Secret{"secret": secret}
	}
	return j, c.call(ctx, r, &j)
}

// Manifest returns the manifest of a job that is done, as JSON.
func (c *Client) Manifest(ctx context.Context, id string) ([]byte, error) {
	return c.bytes(ctx, jobPath(id, "/manifest"))
}

// Plan returns the plan of a job whose source is split, as JSON.
func (c *Client) Plan(ctx context.Context, id string) ([]byte, error) {
	return c.bytes(ctx, jobPath(id, "/plan"))
}

// ManifestOf returns the manifest of the deliverable whose bytes have the SHA-256 sum, in
// hexadecimal, as JSON.
func (c *Client) ManifestOf(ctx context.Context, sum string) ([]byte, error) {
	return c.bytes(ctx, "/v1/manifests/"+url.PathEscape(sum))
}

// SourceOf tells what the deliverable with a digest, in hexadecimal, was made from.
func (c *Client) SourceOf(ctx context.Context, sum string) (n job.SourceNote, err error) {
	return n, c.call(ctx, request{method: http.MethodGet, path: "/v1/manifests/" + url.PathEscape(sum) + "/source"}, &n)
}

// bytes returns what a path holds.
func (c *Client) bytes(ctx context.Context, path string) (b []byte, err error) {
	err = retry(ctx, func() error {
		res, err := c.send(ctx, request{method: http.MethodGet, path: path})
		if err != nil {
			return err
		}
		defer closeBody(res)
		if b, err = io.ReadAll(res.Body); err != nil {
			return c.unreachable(err)
		}
		return nil
	})
	return b, err
}

// Workers returns the encoders that live.
func (c *Client) Workers(ctx context.Context) ([]queue.Worker, error) {
	var got struct {
		Workers []queue.Worker `json:"workers"`
	}
	err := c.call(ctx, request{method: http.MethodGet, path: "/v1/workers"}, &got)
	return got.Workers, err
}

// Encoders returns the builds of codecs that workers have had.
func (c *Client) Encoders(ctx context.Context) ([]queue.Encoder, error) {
	var got struct {
		Encoders []queue.Encoder `json:"encoders"`
	}
	err := c.call(ctx, request{method: http.MethodGet, path: "/v1/encoders"}, &got)
	return got.Encoders, err
}
