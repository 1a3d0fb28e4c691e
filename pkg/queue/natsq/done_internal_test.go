package natsq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestANATSThatDoesNotAnswerIsToldOf(t *testing.T) {
	late := wrap(fmt.Errorf("publish: %w", context.DeadlineExceeded), "commit task %s", "v1")
	if !strings.HasPrefix(late.Error(), "commit task v1: NATS does not answer") || !Passing(late) {
		t.Errorf("%v passes: %t", late, Passing(late))
	}
	if other := wrap(errors.New("no"), "commit"); other.Error() != "commit: no" || Passing(other) {
		t.Errorf("%v passes: %t", other, Passing(other))
	}
}
