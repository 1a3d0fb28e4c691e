package api

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// What a client may try again is told from what it may not.
func TestProblemOfWhatPasses(t *testing.T) {
	s := &Server{log: zap.NewNop()}
	for _, tc := range []struct {
		err    error
		status int
	}{
		{jetstream.ErrNoStreamResponse, 503},
		{nats.ErrNoResponders, 503},
		{&jetstream.APIError{Code: 503, ErrorCode: jetstream.JSErrCodeJetStreamNotEnabled}, 503},
		{context.DeadlineExceeded, 503},
		{errors.New("a bug"), 500},
	} {
		if got := s.problemOf(t.Context(), "create-job", fmt.Errorf("create job: %w", tc.err)); got.GetStatus() != tc.status {
			t.Errorf("%v: answered with %d, want %d", tc.err, got.GetStatus(), tc.status)
		}
	}
}
