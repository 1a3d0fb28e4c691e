package cli

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/store"
)

// Digests are given whole, or by as many of their first digits as tell them apart.
var (
	sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)
	prefixForm = regexp.MustCompile(`^[0-9a-f]{8,63}$`)
)

// digestOf returns the digest that names a deliverable: that of the file of this name, or
// the argument itself, of which the first digits are enough.
func digestOf(ctx context.Context, cl *client.Client, arg string) (string, error) {
	if sha256Form.MatchString(arg) {
		return arg, nil
	}
	f, err := os.Open(arg)
	if err != nil && prefixForm.MatchString(arg) {
		return digestBy(ctx, cl, arg)
	} else if err != nil {
		return "", fault.Userf("bad-input", arg, "it is neither a SHA-256 nor a file that can be read: "+cause(err), "name a deliverable, or its digest")
	}
	defer func() { _ = f.Close() }() // it was only read
	sum, _, err := store.Digest(f)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", arg, err)
	}
	return sum, nil
}

// digestBy finds the one deliverable whose digest begins so.
func digestBy(ctx context.Context, cl *client.Client, prefix string) (sum string, err error) {
	s, err := cl.Cache(ctx)
	if err != nil {
		return "", err
	}
	for _, d := range s.Deliverables {
		switch {
		case !strings.HasPrefix(d.SHA256, prefix) || d.SHA256 == sum:
		case sum != "":
			return "", fault.Userf("bad-input", prefix, "more than one deliverable's digest begins so", "give more of its digits")
		default:
			sum = d.SHA256
		}
	}
	if sum == "" {
		return "", fault.Userf("bad-input", prefix, "no deliverable's digest begins so, and there is no such file", "reweave cache stats lists them")
	}
	return sum, nil
}
