package embed

import (
	"crypto/subtle"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/fault"
)

const (
	natsUser = "reweave"
	// natsStart bounds the start of NATS, which reads all its streams.
	natsStart = 30 * time.Second
)

// startNATS starts a server on the absolute directory dir.
func startNATS(dir string, want Options, c credentials) (*natsserver.Server, error) {
	o, err := natsOptions(dir, want.NATSListen, c)
	if err != nil {
		return nil, err
	}
	o.SyncAlways = !want.Discard
	return runNATS(o, want.Log.Named("nats"))
}

func natsOptions(dir, listen string, c credentials) (*natsserver.Options, error) {
	o := &natsserver.Options{
		ServerName: "reweave", StoreDir: dir, JetStream: true,
		// Without it the server synchronises every two minutes, and a power cut loses
		// what it had acknowledged.
		SyncAlways: true,
		NoSigs:     true,
		DontListen: listen == "",
		// Username and Password would do the same, with a warning at each start.
		CustomClientAuthentication: natsAuth(c.SecretKey),
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

// natsAuth is the password of the one user.
type natsAuth string

// Check implements [natsserver.Authentication].
func (a natsAuth) Check(c natsserver.ClientAuthentication) bool {
	o := c.GetOpts()
	return o.Username == natsUser && subtle.ConstantTimeCompare([]byte(o.Password), []byte(a)) == 1
}

func badListen(listen string, err error) error {
	return fault.Userf("invalid-setting", listen, "not an address to listen on: "+err.Error(), "give HOST:PORT")
}

func natsURL(s *natsserver.Server, c credentials) string {
	u := url.URL{Scheme: "nats", User: url.UserPassword(natsUser, c.SecretKey), Host: reachable(s.Addr().String())}
	return u.String()
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
