package embed

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"
)

const (
	// portTries is how often a free port is chosen: between the choice and its use,
	// another process may take it.
	portTries = 5
	// restarts is how often a child that dies is started again before it is given up,
	// if it has not served for steady in between.
	restarts = 3
	steady   = time.Minute
)

// child is the S3 server's process, and those that replace it when it dies.
type child struct {
	log    *zap.Logger
	order  order
	addr   string
	failed chan error
	// quit begins to stop it; done is closed once the last process is gone.
	quit context.CancelFunc
	done chan struct{}
}

// startChild starts the S3 server on dir and waits until it serves.
func startChild(ctx context.Context, log *zap.Logger, dir string, o order) (*child, error) {
	listen := o.Addr
	o.Root = filepath.Join(dir, "objects")
	k := &child{
		log: log, order: o,
		failed: make(chan error, 1), done: make(chan struct{}),
	}
	chosen, err := chosenPort(listen)
	if err != nil {
		return nil, err
	}
	for n := 1; ; n++ {
		if !chosen {
			if k.order.Addr, err = freePort(listen); err != nil {
				return nil, err
			}
		}
		p, err := k.launch(ctx)
		if err == nil {
			k.addr = k.order.Addr
			life, quit := context.WithCancel(context.Background())
			k.quit = quit
			go k.supervise(life, p)
			return k, nil
		}
		if chosen || n == portTries || ctx.Err() != nil || !strings.Contains(err.Error(), "in use") {
			return nil, fmt.Errorf("start the S3 server on %s: %w", k.order.Addr, err)
		}
	}
}

func chosenPort(listen string) (bool, error) {
	if listen == "" {
		return false, nil
	}
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return false, badListen(listen, err)
	}
	return port != "0", nil
}

// freePort returns an address with a port that is free now.
func freePort(listen string) (string, error) {
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return "", badListen(listen, err)
	}
	return l.Addr().String(), l.Close()
}

// supervise keeps a server running on the same address until it is to stop, or
// until it has died too often.
func (k *child) supervise(life context.Context, p *process) {
	defer close(k.done)
	for died := 0; ; {
		since := time.Now()
		select {
		case <-life.Done():
			p.end(childStop + time.Second)
			return
		case <-p.gone:
		}
		if time.Since(since) > steady {
			died = 0
		}
		var err error
		for err = p.err; err != nil; died++ {
			if died == restarts {
				k.failed <- fmt.Errorf("keep the S3 server running: %w", err)
				return
			}
			k.log.Error("the S3 server died; it is started again", zap.Error(err))
			if !pause(life, 100*time.Millisecond<<(2*died)) {
				return
			}
			p, err = k.launch(life)
		}
	}
}

// pause waits, and reports false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// stop ends the server, which finishes the requests it has, and waits for it.
func (k *child) stop() {
	k.quit()
	<-k.done
}
