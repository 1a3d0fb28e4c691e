package embed

import (
	"context"
	"fmt"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

// ServeNATS makes this process a NATS server with its state in dir, until ctx ends, for who
// has the key of which public is the public half, and with less rights for the users of a
// file of NATS's configuration, "" for none. ready is called once it serves.
func ServeNATS(ctx context.Context, addr, dir, public, users string, log *zap.Logger, ready func()) error {
	o, err := natsOptions(dir, addr, public)
	if err == nil {
		err = alsoUsers(o, users)
	}
	if err != nil {
		return err
	}
	s, err := runNATS(o, log.Named("nats"))
	if err != nil {
		return err
	}
	ready()
	<-ctx.Done()
	stopNATS(s)
	return nil
}

// alsoUsers lets the users of a configuration in, besides those who are let in already.
func alsoUsers(o *natsserver.Options, file string) error {
	if file == "" {
		return nil
	}
	c, err := natsserver.ProcessConfigFile(file)
	if err != nil {
		return fmt.Errorf("read who may use NATS: %w", err)
	}
	o.Nkeys = append(o.Nkeys, c.Nkeys...)
	return nil
}
