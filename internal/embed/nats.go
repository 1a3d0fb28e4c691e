package embed

import (
	"fmt"
	"net"
	"strconv"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/fault"
)

// natsStart bounds the start of NATS, which reads all its streams.
const natsStart = 30 * time.Second

// startNATS starts a server on the absolute directory dir, for who has the key of which
// public is the public half.
func startNATS(dir string, want Options, public string) (*natsserver.Server, error) {
	o, err := natsOptions(dir, want.NATSListen, public)
	if err != nil {
		return nil, err
	}
	o.SyncAlways = !want.Discard
	return runNATS(o, want.Log.Named("nats"))
}

func natsOptions(dir, listen, public string) (*natsserver.Options, error) {
	o := &natsserver.Options{
		ServerName: "reweave", StoreDir: dir, JetStream: true,
		// Without it the server synchronises every two minutes, and a power cut loses
		// what it had acknowledged.
		SyncAlways: true,
		NoSigs:     true,
		DontListen: listen == "",
		Nkeys:      []*natsserver.NkeyUser{{Nkey: public}},
	}
	if listen != "" {
		host, port, err := net.SplitHostPort(listen)
		if err != nil {
			return nil, badListen(listen, err)
		}
		if o.Port, err = strconv.Atoi(port); err != nil {
			return nil, badListen(listen, err)
		}
		o.Host = host
		if o.Port == 0 {
			o.Port = natsserver.RANDOM_PORT
		}
	}
	return o, nil
}

func runNATS(o *natsserver.Options, log *zap.Logger) (*natsserver.Server, error) {
	s, err := natsserver.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	s.SetLoggerV2(natsLog{log.Sugar()}, false, false, false)
	s.Start()
	// A server whose JetStream failed is ready for connections all the same.
	if !s.ReadyForConnections(natsStart) || !s.JetStreamEnabled() {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("start NATS: it did not become ready: its log says why (%s)", o.StoreDir)
	}
	return s, nil
}

func badListen(listen string, err error) error {
	return fault.Userf("invalid-setting", listen, "not an address to listen on: "+err.Error(), "give HOST:PORT")
}

// reachable turns an address to listen on into one to connect to.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// natsLog hands the server's warnings and errors to zap. What it calls fatal is an error to us:
// the embedded server never ends the process.
type natsLog struct{ log *zap.SugaredLogger }

func (l natsLog) Noticef(string, ...any)         {}
func (l natsLog) Warnf(format string, v ...any)  { l.log.Warnf(format, v...) }
func (l natsLog) Errorf(format string, v ...any) { l.log.Errorf(format, v...) }
func (l natsLog) Fatalf(format string, v ...any) { l.log.Errorf(format, v...) }
func (l natsLog) Debugf(string, ...any)          {}
func (l natsLog) Tracef(string, ...any)          {}
