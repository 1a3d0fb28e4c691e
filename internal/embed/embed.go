package embed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/store/s3store"
)

const (
	bucket = "reweave"
	region = "us-east-1"
)

// Options say where and how a Stack runs.
type Options struct {
	// Dir holds all state; it is made when absent. A relative path is resolved once.
	Dir string
	// NATSListen is host:port for other processes' NATS clients, which then need the key
	// in [Stack.NATSSeed]; "" opens no port.
	NATSListen string
	// S3Listen is host:port of the S3 server; "" means a free port of 127.0.0.1.
	S3Listen string
	// Log gets what the servers say; nil drops it.
	Log *zap.Logger
	// S3Users are further keys of the S3 server; see [User].
	S3Users []User
	// S3Cert and S3Key are PEM files, by absolute paths, with which the S3 server speaks
	// TLS; "" for neither.
	S3Cert, S3Key string
	// Ephemeral wipes the state of NATS, but not the objects, at the start.
	Ephemeral bool
	// Discard says that the process ends right after Close, and that nothing of NATS's
	// state is needed then: it is not made to last, and Close leaves it and the lock to
	// the end of the process. It implies Ephemeral.
	Discard bool
}

// Stack is a running NATS and a running S3 server.
type Stack struct {
	dir   string
	lock  *dirLock
	creds credentials
	key   natsKey
	nats  *natsserver.Server
	// listens says that NATS has a port.
	listens bool
	discard bool
	s3      *child
	scheme  string
	close   sync.Once
	closed  error
}

// Start starts both servers and returns once they serve. ctx bounds the start
// only. It returns a [*LockedError] when another process uses the directory, and
// a fault of class User when the directory can't be used.
func Start(ctx context.Context, o Options) (_ *Stack, err error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	dir, err := prepare(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Stack{dir: dir, listens: o.NATSListen != "", discard: o.Discard, scheme: "http://"}
	if o.S3Cert != "" {
		s.scheme = "https://"
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.lock, err = acquire(dir); err != nil {
		return nil, err
	}
	if s.creds, err = loadCredentials(filepath.Join(dir, "credentials.json")); err != nil {
		return nil, dirFault(dir, err)
	}
	seed := ""
	if s.listens {
		seed = filepath.Join(dir, "nats.seed")
	}
	if s.key, err = loadKey(seed); err != nil {
		return nil, dirFault(dir, err)
	}
	if o.Ephemeral || o.Discard {
		if err = os.RemoveAll(filepath.Join(dir, "nats")); err != nil {
			return nil, dirFault(dir, err)
		}
	}
	// The child starts while NATS does.
	started := make(chan error, 1)
	go func() {
		var err error
		s.s3, err = startChild(ctx, o.Log.Named("s3"), dir, order{
			Addr: o.S3Listen, Creds: s.creds, Bucket: bucket, Users: o.S3Users, Cert: o.S3Cert, Key: o.S3Key,
		})
		started <- err
	}()
	s.nats, err = startNATS(filepath.Join(dir, "nats"), o, s.key.public)
	return s, errors.Join(err, <-started)
}

// NATSOptions are the options by which this process connects to its own NATS
// server, without a port.
func (s *Stack) NATSOptions() []nats.Option {
	return []nats.Option{nats.InProcessServer(s.nats), s.key.option()}
}

// NATSURL is the URL by which other processes reach NATS, or "" when it has no port.
func (s *Stack) NATSURL() string {
	if !s.listens {
		return ""
	}
	return "nats://" + reachable(s.nats.Addr().String())
}

// NATSSeed is the file with the seed of the key that other processes show NATS, readable by
// this user alone, or "" when it has no port.
func (s *Stack) NATSSeed() string { return s.key.file }

// S3 is how to reach the S3 server, from this machine.
func (s *Stack) S3() s3store.Config {
	return s3store.Config{
		Endpoint: s.scheme + reachable(s.s3.addr), AccessKey: s.creds.AccessKey, SecretKey: s.creds.SecretKey,
		Bucket: bucket, Region: region,
	}
}

// Failed yields one error when the S3 server died and could not be kept running.
// A server that dies now and then is started again, on the same address.
func (s *Stack) Failed() <-chan error { return s.s3.failed }

// Publish records the address of this process's API, for the next process that
// finds the directory locked.
func (s *Stack) Publish(addr string) {
	if err := s.lock.publish(addr); err != nil {
		s.s3.log.Warn("record the API's address", zap.Error(err)) // it is a help to the user only
	}
}

// Close stops both servers and releases the directory. It may be called more than
// once. Clients should be closed before.
func (s *Stack) Close() error {
	s.close.Do(func() {
		var errs []error
		if s.discard && s.s3 != nil { // NATS would take 10 ms for each of its consumers
			s.s3.stop()
			return
		}
		if s.nats != nil {
			s.nats.Shutdown()
			s.nats.WaitForShutdown()
		}
		if s.s3 != nil {
			s.s3.stop()
		}
		if s.lock != nil {
			errs = append(errs, s.lock.release())
		}
		if err := errors.Join(errs...); err != nil {
			s.closed = fmt.Errorf("close %s: %w", s.dir, err)
		}
	})
	return s.closed
}
