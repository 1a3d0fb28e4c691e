package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/reweave/reweave/cmd/reweave/internal/deliverable"
	"github.com/reweave/reweave/cmd/reweave/internal/progress"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
)

// submit submits a job once, however often it has to be tried.
func submit(ctx context.Context, cl *client.Client, spec job.Spec, key string) (job.Job, error) {
	if key == "" {
		key = rand.Text()
	}
	return cl.Submit(ctx, spec, key)
}

// sourceFor makes the input reachable for a server and returns the Spec's source. A
// server that shares this machine's files reads them itself.
func sourceFor(ctx context.Context, cl *client.Client, in input, sharesFiles bool, show progress.Reporter) (string, error) {
	switch {
	case in.url != "":
		return in.url, nil
	case in.pipe != nil:
		return uploadPipe(ctx, cl, in, show)
	case sharesFiles:
		return in.path, nil
	}
	f, err := os.Open(in.path)
	if err != nil {
		return "", fault.Userf("bad-input", in.name, "the file can't be opened: "+cause(err), "")
	}
	defer func() { _ = f.Close() }() // it was only read
	return upload(ctx, cl, in.name, f, in.info.Size(), show)
}

// uploadPipe keeps what a pipe holds in a temporary file, since an upload that breaks
// off has to begin anew.
func uploadPipe(ctx context.Context, cl *client.Client, in input, show progress.Reporter) (string, error) {
	f, err := os.CreateTemp("", "reweave-stdin-*")
	if err != nil {
		return "", fmt.Errorf("keep %s in a temporary file: %w", in.name, err)
	}
	defer func() { _ = f.Close() }()
	if err := os.Remove(f.Name()); err != nil { // it lives on without a name until it is closed
		return "", fmt.Errorf("keep %s in a temporary file: %w", in.name, err)
	}
	show.Note("reading " + in.name)
	size, err := io.Copy(f, reader{ctx, in.pipe})
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "", &fault.Error{Class: fault.Permanent, Type: "no-space", Where: os.TempDir(), Title: "no space left to keep " + in.name, Hint: "set TMPDIR to a larger place"}
	case err != nil:
		return "", fmt.Errorf("read %s: %w", in.name, err)
	case size == 0:
		return "", fault.Userf("bad-input", in.name, "it is empty", "pipe a video into it")
	}
	return upload(ctx, cl, in.name, f, size, show)
}

func upload(ctx context.Context, cl *client.Client, name string, r io.ReaderAt, size int64, show progress.Reporter) (string, error) {
	return cl.Upload(ctx, name, r, size, func(sent int64) { show.Transfer("uploading "+name, sent, size) })
}

// reader ends a copy with its context. A Read that is under way is not broken off.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// fetch puts a job's deliverable at the target; prove, which may be nil, sees it before. The
// client checks the digest of what comes.
func fetch(ctx context.Context, cl *client.Client, j job.Job, to deliverable.Target, show progress.Reporter, prove func(path string) error) error {
	if j.Output == nil {
		return fmt.Errorf("fetch the deliverable: job %s is %s and tells of none", j.ID, j.State)
	}
	return to.Write(func(w io.Writer) error {
		return cl.Output(ctx, j.ID, &counted{Writer: w, total: j.Output.Bytes, show: show})
	}, prove)
}

// counted shows how much of a deliverable has come. Most come in a moment, and then
// nothing is shown.
type counted struct {
	io.Writer
	begun       time.Time
	done, total int64
	show        progress.Reporter
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	if c.begun.IsZero() {
		c.begun = time.Now()
	}
	c.done += int64(n)
	if time.Since(c.begun) > time.Second {
		c.show.Transfer("fetching the deliverable", c.done, c.total)
	}
	return n, err
}
