package natsq

import (
	"context"
	"errors"
	"net"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Passing reports whether an error of a bus says that the server could not be reached or
// could not answer, which goes away by itself and is no fault of the work in hand.
func Passing(err error) bool {
	is := func(target error) bool { return errors.Is(err, target) }
	if slices.ContainsFunc([]error{
		context.DeadlineExceeded, errClosed, net.ErrClosed,
		nats.ErrNoResponders, nats.ErrTimeout, nats.ErrDisconnected, nats.ErrConnectionClosed,
		nats.ErrConnectionReconnecting, nats.ErrReconnectBufExceeded, nats.ErrNoServers, nats.ErrStaleConnection,
		jetstream.ErrNoStreamResponse, jetstream.ErrStreamNotFound, jetstream.ErrConsumerNotFound,
		jetstream.ErrJetStreamNotEnabled, jetstream.ErrServerShutdown, jetstream.ErrConnectionClosed, jetstream.ErrNoHeartbeat,
	}, is) {
		return true
	}
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && api.Code >= 500 && !refused(err)
}
