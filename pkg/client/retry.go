package client

import (
	"context"
	"errors"
	"time"

	"github.com/reweave/reweave/pkg/fault"
)

// The waits between attempts: 0.1, 0.2, 0.4, … up to 5 s.
const (
	attempts  = 6
	firstWait = 100 * time.Millisecond
	longWait  = 5 * time.Second
)

// final is an error that must not be retried, whatever its class.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

func unless(once bool, err error) error {
	if once {
		return final{err}
	}
	return err
}

// retry calls do until it works, or fails for good, or has failed too often.
func retry(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if f, ok := errors.AsType[final](err); ok {
			return f.error
		}
		if err == nil || ctx.Err() != nil || fault.Of(err) != fault.Retry || n == attempts {
			return err
		}
		if wait(ctx, n) != nil {
			return err
		}
	}
}

// wait pauses before attempt n+1, or returns early when ctx ends.
func wait(ctx context.Context, n int) error {
	pause := longWait
	if n < 7 {
		pause = min(pause, firstWait<<(n-1))
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
