package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/reweave/reweave/internal/embed"
	"github.com/reweave/reweave/pkg/client"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/recipe"
)

// memory encodes a film of hours with the four services as processes of their own, and
// reads how much memory each of them held at the most.
func (b *bench) memory(ctx context.Context) error {
	if b.hours <= 0 {
		return nil
	}
	film := filepath.Join(b.dir, "long.mp4")
	_, _, err := ffmpeg(ctx, "-f", "lavfi", "-i", "testsrc2=size=128x72:rate=30", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-t", strconv.Itoa(int(b.hours*3600)), "-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-c:a", "aac", "-b:a", "64k",
		"-movflags", "+faststart", film)
	if err != nil {
		return err
	}
	stack, err := embed.Start(ctx, embed.Options{Dir: filepath.Join(b.dir, "memory"), NATSListen: "127.0.0.1:0", Log: zap.NewNop()})
	if err != nil {
		return err
	}
	defer stack.Close()
	f := &fleet{bin: b.bin, stack: stack, peak: map[string]int64{}}
	defer f.stop()
	if err := f.start(ctx); err != nil {
		return err
	}
	if err := f.encode(ctx, film); err != nil {
		return err
	}
	f.stop()
	for _, name := range []string{"api", "splitter", "muxer"} {
		b.add(fmt.Sprintf("peak memory of the %s, %g h film", name, b.hours), fmt.Sprintf("%d MiB", f.peak[name]>>20), "–", "", "≤ 150 MB")
	}
	return nil
}

// fleet is the four services as processes.
type fleet struct {
	bin   string
	stack *embed.Stack
	api   string
	cmds  map[string]*exec.Cmd
	peak  map[string]int64 // bytes
}

func (f *fleet) start(ctx context.Context) error {
	f.cmds = map[string]*exec.Cmd{}
	s3 := f.stack.S3()
	for _, name := range []string{"api", "splitter", "encoder", "muxer"} {
		port, err := freePort()
		if err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, filepath.Join(f.bin, "reweave-"+name))
		cmd.Env = append(os.Environ(), "REWEAVE_NATS_URL="+f.stack.NATSURL(), "REWEAVE_NATS_NKEY="+f.stack.NATSSeed(), "REWEAVE_S3_ENDPOINT="+s3.Endpoint,
			"REWEAVE_S3_ACCESS_KEY="+s3.AccessKey, "REWEAVE_S3_SECRET_KEY="+s3.SecretKey, "REWEAVE_S3_BUCKET="+s3.Bucket,
			"REWEAVE_HTTP_LISTEN=127.0.0.1:"+port, "REWEAVE_LOG_LEVEL=warn")
		if name == "api" {
			listen, err := freePort()
			if err != nil {
				return err
			}
			f.api = "http://127.0.0.1:" + listen
			cmd.Env = append(cmd.Env, "REWEAVE_API_LISTEN=127.0.0.1:"+listen)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
		f.cmds[name] = cmd
		if err := awaitReady(ctx, "http://127.0.0.1:"+port+"/readyz"); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// encode uploads the film, has it encoded, and keeps reading the services' memory.
func (f *fleet) encode(ctx context.Context, film string) error {
	file, err := os.Open(film)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	c := client.New(f.api, nil)
	src, err := c.Upload(ctx, "long.mp4", file, info.Size(), func(int64) {})
	if err != nil {
		return err
	}
	crf := 30
	j, err := c.Submit(ctx, job.Spec{Source: src, Video: recipe.Settings{Codec: "libx264", Preset: "ultrafast", CRF: &crf}}, "")
	if err != nil {
		return err
	}
	done, err := c.Watch(ctx, j.ID, func(job.Job) {}, func(job.Progress) {})
	if err != nil {
		return err
	}
	if done.State != job.Done {
		return fmt.Errorf("the long film: %s: %v", done.State, done.Error)
	}
	return nil
}

// stop ends the services and keeps the most memory that each held.
func (f *fleet) stop() {
	for name, cmd := range f.cmds {
		f.peak[name] = peakOf(cmd.Process.Pid)
		_ = cmd.Process.Signal(syscall.SIGTERM) // one that ended already needs none
		_ = cmd.Wait()
	}
	f.cmds = nil
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakOf reads the peak resident set of a running process, in bytes.
func peakOf(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	m := highWater.FindStringSubmatch(string(status))
	if m == nil {
		return 0
	}
	kb, _ := strconv.ParseInt(m[1], 10, 64)
	return kb << 10
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String()[strings.LastIndexByte(l.Addr().String(), ':')+1:], nil
}

// awaitReady waits until a service answers that it is ready.
func awaitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until it is ready: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
