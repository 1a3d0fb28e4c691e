package embed

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
)

const (
	// childEnv marks the process that is to be the S3 server. It has not the prefix
	// REWEAVE_, under which unknown variables are errors.
	childEnv = "_REWEAVE_EMBED_S3"
	// readyLine is what the child prints when it serves.
	readyLine = "reweave-embed-s3-ready"
	// childStop is how long the child may finish requests after its parent is gone.
	childStop = 3 * time.Second
)

// order is what the parent writes to the child's standard input, as one line. It
// holds a secret, and so is neither an argument nor a variable.
type order struct {
	Root  string
	Addr  string
	Creds credentials
	// Bucket is the bucket of the users.
	Bucket string
	Users  []User
	// Cert and Key are PEM files, for TLS.
	Cert, Key string
}

// MaybeChild must be the first call in main and in TestMain. When this process was
// started to be the S3 server of a [Stack], it serves until its standard input
// ends, and never returns; else it does nothing.
//
// It ends the process itself, and ignores the signals that a terminal or a service
// manager sends to all processes of a group: its parent still needs it then.
func MaybeChild() {
	if os.Getenv(childEnv) == "" {
		return
	}
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	if err := serveChild(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serveChild(stdin io.Reader) error {
	in := bufio.NewReader(stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in) // its end is all it says
		time.AfterFunc(childStop, func() { os.Exit(0) })
		cancel()
	}()
	return serve(ctx, o, func() { fmt.Println(readyLine) })
}

// S3Options say how an S3 server runs that is a process of its own.
type S3Options struct {
	// Addr is host:port; Dir holds the objects.
	Addr, Dir string
	// AccessKey and SecretKey are the root's, who may do everything.
	AccessKey, SecretKey string
	// Users may do what the policies of their services allow in Bucket, which is then
	// made at the start.
	Users  []User
	Bucket string
	// Cert and Key are PEM files with which the server speaks TLS; "" for neither.
	Cert, Key string
	// Ready is called when the server listens; nil for nothing.
	Ready func()
}

// ServeS3 makes this process an S3 server, until ctx ends. It changes the working
// directory of the process, so nothing else may run in it.
func ServeS3(ctx context.Context, opts S3Options) error {
	dir := opts.Dir
	root, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(root, 0o700)
	}
	if err != nil {
		return dirFault(dir, err)
	}
	o := order{Root: root, Addr: opts.Addr, Creds: credentials{opts.AccessKey, opts.SecretKey}, Bucket: opts.Bucket, Users: opts.Users}
	for _, f := range []struct{ to, from *string }{{&o.Cert, &opts.Cert}, {&o.Key, &opts.Key}} {
		if *f.from == "" {
			continue
		}
		if *f.to, err = filepath.Abs(*f.from); err != nil {
			return dirFault(dir, err)
		}
	}
	ready := opts.Ready
	if ready == nil {
		ready = func() {}
	}
	return serve(ctx, o, ready)
}

// serve runs the server until ctx ends.
func serve(ctx context.Context, o order, ready func()) error {
	if err := sweep(o.Root, time.Now()); err != nil {
		fmt.Fprintln(os.Stderr, "sweep stale uploads:", err) // they cost space only
	}
	sidecar, err := sidecarDir(o.Root)
	if err != nil {
		return fmt.Errorf("find a place for metadata: %w", err)
	}
	backend, err := newGuard(filepath.Clean(o.Root), sidecar)
	if err != nil {
		return fmt.Errorf("open %s: %w", o.Root, err)
	}
	if backend.policy, err = policyOf(o.Bucket, o.Users); err != nil {
		return err
	}
	if len(o.Users) > 0 {
		backend.bucket = o.Bucket
		if err := backend.provide(ctx, o.Creds.AccessKey); err != nil {
			return err
		}
	}
	root := auth.Account{Access: o.Creds.AccessKey, Secret: o.Creds.SecretKey, Role: auth.RoleAdmin}
	return embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
		IAMService: accounts{auth.NewIAMServiceSingle(root), o.Users},
		CertFile:   o.Cert, KeyFile: o.Key,
		RootUserAccess: o.Creds.AccessKey, RootUserSecret: o.Creds.SecretKey, Region: region,
		Ports:          []string{o.Addr},
		MaxConnections: 4096, MaxRequests: 4096, MultipartMaxParts: 10_000,
		// A signed PUT of 0 bytes puts a kept connection out of step (v1.8.0).
		KeepAlive:  false,
		Quiet:      true,
		HealthPath: "/healthz",
		// Browsers come from the API's origin; what lets them in is the signature.
		CORSAllowOrigin: "*",
		S3Options:       []s3api.Option{s3api.WithOnListen(ready)},
	})
}
