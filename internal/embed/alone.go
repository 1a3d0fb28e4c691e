package embed

import (
	"context"

	"go.uber.org/zap"
)

// ServeNATS makes this process a NATS server with its state in dir, until ctx ends. The
// user's name is "reweave"; ready is called once it serves.
func ServeNATS(ctx context.Context, addr, dir, password string, log *zap.Logger, ready func()) error {
	s, err := startNATS(dir, Options{NATSListen: addr, Log: log}, credentials{SecretKey: password})
	if err != nil {
		return err
	}
	ready()
	<-ctx.Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}
