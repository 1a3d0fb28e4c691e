package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/zap"

	"github.com/reweave/reweave/internal/embed"
)

// serverEnv makes this program a server: nats or s3. The others tell it where.
const (
	serverEnv  = "CHAOS_SERVER"
	addrEnv    = "CHAOS_ADDR"
	dirEnv     = "CHAOS_DIR"
	secretEnv  = "CHAOS_SECRET"
	natsKeyEnv = "CHAOS_NATS_KEY" // public half of the harness's key
	rightsEnv  = "CHAOS_RIGHTS"   // file with the users of NATS and what they may do
	usersEnv   = "CHAOS_USERS"    // those of S3: JSON
	nodeEnv    = "CHAOS_NODE"     // of a NATS cluster: its own JSON
	spaceEnv   = "CHAOS_SPACE"    // size of a file system of its own; "" for none
)

// serveMaybe serves when this process was started to be a server, and reports whether
// it was.
func serveMaybe() bool {
	kind, addr, dir, secret := os.Getenv(serverEnv), os.Getenv(addrEnv), os.Getenv(dirEnv), os.Getenv(secretEnv)
	if kind == "" {
		return false
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log, err := zap.NewDevelopment()
	if size := os.Getenv(spaceEnv); size != "" && err == nil {
		err = mountSmall(dir, size)
	}
	switch {
	case err != nil: // there is nothing to serve from
	case kind == "nats":
		err = serveNATS(ctx, addr, dir, log)
	case kind == "node":
		var n embed.Node
		if err = json.Unmarshal([]byte(os.Getenv(nodeEnv)), &n); err == nil {
			err = embed.ServeNode(ctx, n, os.Getenv(natsKeyEnv), os.Getenv(rightsEnv), log)
		}
	case kind == "s3":
		o := embed.S3Options{Addr: addr, Dir: dir, AccessKey: secret, SecretKey: secret, Bucket: bucket}
		if err = json.Unmarshal([]byte(os.Getenv(usersEnv)), &o.Users); err == nil {
			err = embed.ServeS3(ctx, o)
		}
	default:
		err = fmt.Errorf("there is no server %q", kind)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return true
}

// serveNATS is a NATS server until ctx ends. SIGHUP has it end and begin again, in one
// process: the file system that [mountSmall] made lives no longer than that.
func serveNATS(ctx context.Context, addr, dir string, log *zap.Logger) error {
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	for {
		life, end := context.WithCancel(ctx)
		go func() {
			select {
			case <-again:
				end()
			case <-life.Done():
			}
		}()
		err := embed.ServeNATS(life, addr, dir, os.Getenv(natsKeyEnv), os.Getenv(rightsEnv), log, func() { log.Info("serves") })
		end()
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
}
