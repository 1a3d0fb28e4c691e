package embed

import (
	"context"

	"go.uber.org/zap"
)

// ServeNATS makes this process a NATS server with its state in dir, until ctx ends, for who
// has the key of which public is the public half. ready is called once it serves.
func ServeNATS(ctx context.Context, addr, dir, public string, log *zap.Logger, ready func()) error {
	s, err := startNATS(dir, Options{NATSListen: addr, Log: log}, public)
	if err != nil {
		return err
	}
	ready()
	<-ctx.Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}
