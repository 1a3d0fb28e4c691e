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
	natsKeyEnv = "CHAOS_NATS_KEY" // public half of the key of all clients
	nodeEnv    = "CHAOS_NODE"     // of a NATS cluster: its own JSON
	spaceEnv   = "CHAOS_SPACE"    // size of a file system of its own for S3; "" for none
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
	switch kind {
	case "nats":
		if err == nil {
			err = embed.ServeNATS(ctx, addr, dir, os.Getenv(natsKeyEnv), log, func() { log.Info("serves") })
		}
	case "node":
		var n embed.Node
		if err = json.Unmarshal([]byte(os.Getenv(nodeEnv)), &n); err == nil {
			err = embed.ServeNode(ctx, n, os.Getenv(natsKeyEnv), log)
		}
	case "s3":
		if size := os.Getenv(spaceEnv); size != "" {
			if err = mountSmall(dir, size); err != nil {
				break
			}
		}
		err = embed.ServeS3(ctx, embed.S3Options{Addr: addr, Dir: dir, AccessKey: secret, SecretKey: secret})
	default:
		err = fmt.Errorf("there is no server %q", kind)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return true
}
