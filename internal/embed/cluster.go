package embed

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

// Node is one server of a NATS cluster on one machine. All addresses are host:port.
type Node struct {
	Name string
	// Addr is for clients, Cluster for the other servers, Monitor for HTTP.
	Addr, Cluster, Monitor string
	// Peers are the Cluster addresses of all servers.
	Peers []string
	Dir   string
}

// ServeNode makes this process a server of a NATS cluster, until ctx ends, for who has the
// key of which public is the public half, and for users as [ServeNATS] has it. The servers
// trust each other: the cluster is for tests on loopback.
func ServeNode(ctx context.Context, n Node, public, users string, log *zap.Logger) error {
	o, err := natsOptions(n.Dir, n.Addr, public)
	if err == nil {
		err = alsoUsers(o, users)
	}
	if err != nil {
		return err
	}
	o.ServerName, o.Cluster.Name = n.Name, "reweave"
	if o.Cluster.Host, o.Cluster.Port, err = hostPort(n.Cluster); err != nil {
		return err
	}
	if o.HTTPHost, o.HTTPPort, err = hostPort(n.Monitor); err != nil {
		return err
	}
	for _, p := range n.Peers {
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: p})
	}
	s, err := runNATS(o, log)
	if err != nil {
		return err
	}
	<-ctx.Done()
	stopNATS(s)
	return nil
}

func stopNATS(s *natsserver.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

func hostPort(addr string) (string, int, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, badListen(addr, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return "", 0, badListen(addr, fmt.Errorf("port %q: %w", port, err))
	}
	return host, n, nil
}
